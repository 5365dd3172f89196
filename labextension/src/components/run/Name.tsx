import type { TranslationBundle } from '@jupyterlab/translation';
import { editIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { DraftField } from './DraftField';
import { IconButton } from './IconButton';

const NAME_MOST = 250;

/** The run's name; the pencil or a double click makes it a field. */
export function Name(props: {
  name: string;
  onRename: (name: string) => void;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { name, trans } = props;
  const [draft, setDraft] = React.useState<string | null>(null);
  const field = React.useRef<HTMLInputElement>(null);
  const place = React.useRef<HTMLSpanElement>(null);
  React.useEffect(() => field.current?.select(), [draft === null]);

  const close = () => {
    setDraft(null);
    window.setTimeout(() => place.current?.querySelector('button')?.focus());
  };
  const rename = () => {
    const next = (draft ?? '').trim();
    if (next && next !== name) {
      props.onRename(next);
    }
    close();
  };
  return (
    <span className="jp-mlops-name" ref={place}>
      {draft === null ? (
        <>
          <h2 title={name} onDoubleClick={() => setDraft(name)}>
            {name || trans.__('Unnamed run')}
          </h2>
          <IconButton
            icon={editIcon}
            label={trans.__('Rename the run')}
            onClick={() => setDraft(name)}
          />
        </>
      ) : (
        <DraftField
          ref={field}
          label={trans.__('Name of the run')}
          maxLength={NAME_MOST}
          value={draft}
          onChange={setDraft}
          onTake={rename}
          onEscape={close}
          onBlur={() => setDraft(null)}
        />
      )}
    </span>
  );
}
