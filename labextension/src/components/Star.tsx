import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { starIcon } from '../runIcons';

/** Whether something is a favourite, and the button that changes it. */
export function Star(props: {
  on: boolean;
  trans: TranslationBundle;
  onClick: () => void;
}): React.JSX.Element {
  const { on, trans } = props;
  return (
    <button
      type="button"
      className="jp-mlops-star"
      aria-pressed={on}
      aria-label={trans.__('Favourite')}
      title={
        on ? trans.__('No favourite any more (F)') : trans.__('Make it a favourite (F)')
      }
      tabIndex={-1}
      onClick={event => {
        event.stopPropagation();
        props.onClick();
      }}
      onDoubleClick={event => event.stopPropagation()}
    >
      <starIcon.react tag="span" width="16px" height="16px" />
    </button>
  );
}
