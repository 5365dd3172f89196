import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { ComparisonModel, IChosenRun } from '../../model/comparison';
import { metricNames } from '../../model/differences';
import type { IChartSettings } from './ChartControls';
import { ChartControls } from './ChartControls';
import { MetricChart } from './MetricChart';

/** Charts that are in the document at once. */
const CHARTS = 60;
const HEIGHT = 200;
const WIDE_HEIGHT = 380;

export interface IMetricChartsProps {
  model: ComparisonModel;
  runs: readonly IChosenRun[];
  names: ReadonlyMap<string, string>;
  settings: IChartSettings;
  onSettings: (settings: IChartSettings) => void;
  emphasized: string | null;
  trans: TranslationBundle;
}

/** A small chart for each metric, the runs overlaid. */
export function MetricCharts(props: IMetricChartsProps): React.JSX.Element {
  const { model, trans } = props;
  const [words, setWords] = React.useState('');
  const [most, setMost] = React.useState(CHARTS);
  const [wide, setWide] = React.useState<string | null>(null);
  React.useEffect(() => model.wantDetails(), [model]);
  const { details } = model;
  const all = React.useMemo(
    () => (details ? metricNames(details.values()) : null),
    [details]
  );
  const wanted = words.trim().toLowerCase();
  const shown = all?.filter(name => !wanted || name.toLowerCase().includes(wanted));
  const cut = details ? [...details.values()].some(one => one.cut) : false;
  return (
    <div className="jp-mlops-charts">
      <div className="jp-mlops-bar">
        <input
          type="search"
          className="jp-mlops-filter"
          placeholder={trans.__('Search metrics')}
          aria-label={trans.__('Search metrics')}
          value={words}
          onChange={event => {
            setWords(event.target.value);
            setMost(CHARTS);
          }}
        />
        <ChartControls
          settings={props.settings}
          onChange={props.onSettings}
          trans={trans}
        />
        {shown && (
          <span className="jp-mlops-bar-note" role="status">
            {trans._n('%1 metric', '%1 metrics', shown.length)}
          </span>
        )}
      </div>
      <div className="jp-mlops-charts-scroll">
        {!all && !model.error && (
          <div className="jp-mlops-empty" role="status">
            {trans.__('Loading…')}
          </div>
        )}
        {shown?.length === 0 && (
          <div className="jp-mlops-empty" role="status">
            {wanted
              ? trans.__('No metric matches.')
              : trans.__('These runs have logged no metric.')}
          </div>
        )}
        <div className="jp-mlops-charts-grid">
          {shown?.slice(0, most).map(metric => (
            <div key={metric} className={wide === metric ? 'jp-mod-wide' : ''}>
              <MetricChart
                client={model.client}
                model={model}
                metric={metric}
                runs={props.runs}
                names={props.names}
                settings={props.settings}
                emphasized={props.emphasized}
                height={wide === metric ? WIDE_HEIGHT : HEIGHT}
                wide={wide === metric}
                onWide={() => setWide(wide === metric ? null : metric)}
                trans={trans}
              />
            </div>
          ))}
        </div>
        {shown && shown.length > most && (
          <button
            type="button"
            className="jp-mlops-button"
            onClick={() => setMost(most + CHARTS)}
          >
            {trans.__('Show more: %1 are left', shown.length - most)}
          </button>
        )}
        {cut && (
          <p className="jp-mlops-compared-note">
            {trans.__('A run has more metrics than are listed.')}
          </p>
        )}
      </div>
    </div>
  );
}
