import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { RunDetail } from '../../../api/types';
import type { IFacts } from '../../../model/facts';
import { reproductionLabel } from '../Badges';

/** Whether it could be reproduced, what that lacks, and what came of trying. */
export function Reproducible(props: {
  facts: IFacts;
  detail: RunDetail;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { facts, trans } = props;
  const tags = props.detail.run.own_tags;
  const was = tags['mlops.reproduction'];
  return (
    <section>
      <h3>{trans.__('Could it be reproduced?')}</h3>
      {was && (
        <p>
          <strong>{reproductionLabel(was, trans)}</strong>
          {': '}
          {(tags['mlops.reproduction_detail'] ?? '').slice(0, 8000)}
        </p>
      )}
      {facts.reproducible === true ? (
        <p className="jp-mlops-verdict" data-kind="good">
          {trans.__('Yes: everything that an exact reproduction needs is known.')}
        </p>
      ) : facts.reproducible === null ? (
        <p className="jp-mlops-verdict">{trans.__('It can’t be told.')}</p>
      ) : (
        <>
          <p className="jp-mlops-verdict" data-kind="warn">
            {trans._n(
              'Not exactly: %1 thing is missing.',
              'Not exactly: %1 things are missing.',
              facts.lacks.length
            )}
          </p>
          <table className="jp-mlops-table jp-mlops-lacks">
            <thead>
              <tr>
                <th scope="col">{trans.__('What is missing')}</th>
                <th scope="col">{trans.__('What would make it so')}</th>
              </tr>
            </thead>
            <tbody>
              {facts.lacks.map(({ code, what, mend }) => (
                <tr key={code}>
                  <td>{what}</td>
                  <td>{mend}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </>
      )}
    </section>
  );
}
