import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { MetricSummary, RunDetail } from '../../api/types';
import { formatValue, toNumber } from '../../charts/numbers';
import type { RunModel } from '../../model/run';
import type { IValueRow } from './ValueTable';
import { ValueTable } from './ValueTable';

/** Parameters, last values of metrics, tags: as tables. */
export function Values(props: {
  model: RunModel;
  detail: RunDetail;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { detail, trans } = props;
  const { run } = detail;
  const { metrics } = props.model;
  const params = React.useMemo(() => rowsOf(run.params), [run.params]);
  const tags = React.useMemo(() => rowsOf(run.tags), [run.tags]);
  const ownTags = React.useMemo(() => rowsOf(run.own_tags), [run.own_tags]);
  const metricRows = React.useMemo(() => [...metrics.values()].map(metricRow), [metrics]);
  return (
    <div className="jp-mlops-values-columns">
      <section>
        <h3>{trans.__('Parameters')}</h3>
        <ValueTable
          label={trans.__('Parameters')}
          columns={[trans.__('Value')]}
          rows={params}
          empty={trans.__(
            'None. Values of the parameters cell and mlops.params(…) are kept here.'
          )}
          visibleRows={24}
          trans={trans}
        />
      </section>
      <section>
        <h3>{trans.__('Metrics')}</h3>
        <ValueTable
          label={trans.__('Metrics')}
          columns={[
            trans.__('Last value'),
            trans.__('Least'),
            trans.__('Greatest'),
            trans.__('Step')
          ]}
          rows={metricRows}
          empty={trans.__('None yet.')}
          visibleRows={24}
          numeric
          trans={trans}
        />
      </section>
      <section>
        <h3>{trans.__('Tags')}</h3>
        <ValueTable
          label={trans.__('Tags')}
          columns={[trans.__('Value')]}
          rows={tags}
          empty={trans.__('None.')}
          trans={trans}
        />
      </section>
      <section>
        <h3>{trans.__('Tags of jupyter-mlops and MLflow')}</h3>
        <ValueTable
          label={trans.__('Tags of jupyter-mlops and MLflow')}
          columns={[trans.__('Value')]}
          rows={ownTags}
          empty={trans.__('None.')}
          trans={trans}
        />
      </section>
      {detail.cut && (
        <p className="jp-mlops-quiet">
          {trans.__('The run has more than is listed here: the first by name.')}
        </p>
      )}
    </div>
  );
}

function rowsOf(values: Readonly<Record<string, string>>): IValueRow[] {
  return Object.entries(values).map(([name, value]) => ({
    name,
    values: [value],
    whole: value
  }));
}

function metricRow(metric: MetricSummary): IValueRow {
  const { last, min, max } = metric;
  return {
    name: metric.key,
    values: [
      formatValue(toNumber(last)),
      min === null ? '' : formatValue(toNumber(min)),
      max === null ? '' : formatValue(toNumber(max)),
      String(metric.step)
    ],
    whole: String(last)
  };
}
