import type { TranslationBundle } from '@jupyterlab/translation';
import { refreshIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

export interface ILookAgainProps {
  /** Seconds between two looks; null where whatever is new is seen at once. */
  seconds: number | null;
  /** Only the button: how often is told when it is pointed at. */
  short?: boolean;
  /** Look now; absent: it is only told how often. */
  onLook?: () => void;
  trans: TranslationBundle;
}

/** That a tracking server is asked now and then only, how often, and a way to ask it now. */
export function LookAgain(props: ILookAgainProps): React.JSX.Element | null {
  const { seconds, onLook, trans } = props;
  if (seconds === null) {
    return null;
  }
  const often = trans.__('every %1 s', seconds);
  const why = trans.__('A tracking server can’t tell what is new: it is asked %1.', often);
  if (!onLook) {
    return (
      <span className="jp-mlops-lookAgain" title={why}>
        {trans.__('asked %1', often)}
      </span>
    );
  }
  return (
    <button
      type="button"
      className="jp-mlops-tool jp-mlops-lookAgain"
      aria-label={trans.__('Look now')}
      title={`${why} ${trans.__('Look now')}`}
      onClick={onLook}
    >
      <refreshIcon.react tag="span" width="14px" height="14px" />
      {!props.short && often}
    </button>
  );
}
