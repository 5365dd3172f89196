import * as React from 'react';

import type { MlopsError } from '../api/client';

/** Why what was looked for can't be: the words are wrong, asking again would change nothing. */
export function Refusal(props: {
  error: MlopsError;
  /** What is shown instead. */
  consequence?: string;
}): React.JSX.Element {
  const { error, consequence } = props;
  return (
    <div className="jp-mlops-runs-refused" role="alert">
      <span>{error.message}</span>
      {error.hint && <span className="jp-mlops-runs-hint">{error.hint}</span>}
      {consequence && <span className="jp-mlops-runs-hint">{consequence}</span>}
    </div>
  );
}
