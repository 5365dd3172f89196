import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { MlopsError } from '../../api/client';
import type { RunRow } from '../../api/types';
import type { IFailedCell } from '../../model/failure';
import { readFailure } from '../../model/failure';
import type { RunModel } from '../../model/run';
import { CopyButton } from './Copy';

/** Why a run failed or was killed, in the words of who ended it; the cell and its traceback. */
export function Failure(props: {
  model: RunModel;
  run: RunRow;
  trans: TranslationBundle;
}): React.JSX.Element | null {
  const { model, run, trans } = props;
  const [cell, setCell] = React.useState<IFailedCell | null>(null);
  const failed = run.status === 'FAILED';
  const said = run.own_tags['mlops.failure'] ?? '';
  React.useEffect(() => {
    let wanted = true;
    if (failed) {
      readFailure(model.client, run).then(
        told => wanted && setCell(told),
        (error: unknown) => {
          // The tag says why; the cell is more than that.
          if (!(error instanceof MlopsError)) {
            throw error;
          }
        }
      );
    }
    return () => {
      wanted = false;
    };
  }, [model, run.id, failed, said]);
  if (!said && !failed) {
    return null;
  }
  // "code: message", as the API's problems.
  const [, code, message] = /^([a-z_]+): ([^]*)$/.exec(said) ?? [];
  return (
    <div
      className={`jp-mlops-notice ${failed ? 'jp-mod-error' : ''}`}
      role={failed ? 'alert' : undefined}
    >
      <div className="jp-mlops-notice-what">
        {message ?? (said || trans.__('The run failed; nobody has said why.'))}
        {code && <code>{code}</code>}
      </div>
      {cell && (
        <details className="jp-mlops-traceback" open>
          <summary>
            {cell.count === null
              ? trans.__('Cell and traceback')
              : trans.__('Cell [%1] and traceback', cell.count)}
          </summary>
          {cell.source && <pre className="jp-mlops-traceback-source">{cell.source}</pre>}
          <div className="jp-mlops-traceback-text">
            <pre tabIndex={0} aria-label={trans.__('Traceback')}>
              {cell.traceback}
            </pre>
            <CopyButton
              text={() => cell.traceback}
              label={trans.__('Copy the traceback')}
              trans={trans}
            />
          </div>
        </details>
      )}
    </div>
  );
}
