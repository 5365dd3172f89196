import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { MlopsError } from '../api/client';

/** What the server said no to, or that it doesn't answer; what to do; and another try. */
export function ErrorNotice(props: {
  error: MlopsError;
  onRetry: () => void;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { error, trans } = props;
  return (
    <div className="jp-mlops-notice jp-mod-error" role="alert">
      <div className="jp-mlops-notice-what">{error.message}</div>
      {error.hint && <div>{error.hint}</div>}
      <button type="button" className="jp-mlops-link" onClick={props.onRetry}>
        {trans.__('Try again')}
      </button>
    </div>
  );
}
