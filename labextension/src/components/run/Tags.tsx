import type { TranslationBundle } from '@jupyterlab/translation';
import { closeIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { DraftField } from './DraftField';
import { IconButton } from './IconButton';

const VALUE_MOST = 8000;
/** Of a tag, as much as a chip can hold. */
const SHOWN_MOST = 120;
/** Chips; the rest is in the table of all tags. */
const CHIPS_MOST = 30;

/** The tags that people set, as chips; each can be removed, others be added. */
export function Tags(props: {
  tags: Readonly<Record<string, string>>;
  onChange: (changes: Record<string, string | null>) => void;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { tags, trans } = props;
  const [draft, setDraft] = React.useState<string | null>(null);
  const place = React.useRef<HTMLDivElement>(null);
  const entries = Object.entries(tags);

  const close = () => {
    setDraft(null);
    window.setTimeout(() =>
      place.current?.querySelector<HTMLElement>('.jp-mlops-tag-add')?.focus()
    );
  };
  const add = () => {
    const [name, ...rest] = (draft ?? '').split('=');
    if (name.trim()) {
      props.onChange({ [name.trim()]: rest.join('=').trim().slice(0, VALUE_MOST) });
    }
    close();
  };
  return (
    <div className="jp-mlops-tags" role="group" aria-label={trans.__('Tags')} ref={place}>
      {entries.slice(0, CHIPS_MOST).map(([name, value]) => (
        <span
          key={name}
          className="jp-mlops-tag"
          title={`${name} = ${value.slice(0, 1000)}`}
        >
          <span>
            {name}
            {value && <b>{value.slice(0, SHOWN_MOST)}</b>}
          </span>
          <IconButton
            icon={closeIcon}
            label={trans.__('Remove the tag %1', name)}
            onClick={() => props.onChange({ [name]: null })}
          />
        </span>
      ))}
      {entries.length > CHIPS_MOST && (
        <span className="jp-mlops-quiet">
          {trans._n('and %1 more', 'and %1 more', entries.length - CHIPS_MOST)}
        </span>
      )}
      {draft === null ? (
        <button
          type="button"
          className="jp-mlops-quietLink jp-mlops-tag-add"
          onClick={() => setDraft('')}
        >
          {trans.__('Add a tag')}
        </button>
      ) : (
        <DraftField
          label={trans.__('Tag: name=value')}
          placeholder={trans.__('name=value')}
          value={draft}
          onChange={setDraft}
          onTake={add}
          onEscape={close}
          onBlur={() => setDraft(null)}
        />
      )}
    </div>
  );
}
