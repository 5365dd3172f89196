import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { MlopsError } from '../../api/client';
import { artifactText } from '../../api/artifacts';
import type { RunDetail } from '../../api/types';
import { hasEnded } from '../../api/types';
import type { IFacts } from '../../model/facts';
import { FACTS, readFacts } from '../../model/facts';
import type { RunModel } from '../../model/run';
import { useAnswer } from '../answer';
import { ErrorNotice } from '../ErrorNotice';
import { Cells } from './record/Cells';
import { Code } from './record/Code';
import { Data } from './record/Data';
import { Machine } from './record/Machine';
import { Packages } from './record/Packages';
import { Reproducible } from './record/Reproducible';
import { Seeds } from './record/Seeds';

const FACTS_MOST = 16 * 2 ** 20;

interface IProps {
  model: RunModel;
  detail: RunDetail;
  trans: TranslationBundle;
}

/** What was recorded without anybody asking, and whether it is enough to reproduce the run. */
export function Record(props: IProps): React.JSX.Element {
  const { model, detail, trans } = props;
  const recorded = detail.run.own_tags['mlops.reproducible'];
  const answer = useAnswer(() => factsOf(model), [model, recorded]);
  const { value: facts, error } = answer;

  if (error) {
    return <ErrorNotice error={error} onRetry={answer.retry} trans={trans} />;
  }
  if (facts === undefined) {
    return (
      <div className="jp-mlops-empty" role="status">
        {trans.__('Loading…')}
      </div>
    );
  }
  if (!facts) {
    return (
      <div className="jp-mlops-empty" role="status">
        <h3>{trans.__('Nothing is recorded')}</h3>
        <p>
          {hasEnded(detail.run.status)
            ? trans.__(
                'Code, packages, data and machine are recorded of notebooks that run as jobs or log with jupyter_mlops.'
              )
            : trans.__('Code, packages, data and machine are recorded when the run ends.')}
        </p>
      </div>
    );
  }
  return (
    <div className="jp-mlops-record">
      <Reproducible facts={facts} detail={detail} trans={trans} />
      <Cells facts={facts} trans={trans} />
      <Code facts={facts} model={model} trans={trans} />
      <Packages facts={facts} model={model} trans={trans} />
      <Data facts={facts} model={model} trans={trans} />
      <Seeds facts={facts} trans={trans} />
      <Machine facts={facts} trans={trans} />
    </div>
  );
}

/** What is recorded; null where nothing is. */
async function factsOf(model: RunModel): Promise<IFacts | null> {
  try {
    return readFacts(await artifactText(model.client, model.id, FACTS, FACTS_MOST));
  } catch (error) {
    if (error instanceof MlopsError && error.status === 404) {
      return null;
    }
    throw error;
  }
}
