import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { MlopsClient } from '../../api/client';
import { Bars } from '../../charts/Bars';
import { LineChart } from '../../charts/LineChart';
import type { ISubject } from '../../charts/ParallelCoordinates';
import type { IRange } from '../../charts/range';
import type { ISeries } from '../../charts/series';
import type { ComparisonModel, IChosenRun } from '../../model/comparison';
import { MetricPoints } from '../../model/metricPoints';
import { ErrorNotice } from '../ErrorNotice';
import type { IChartSettings } from './ChartControls';

export interface IMetricChartProps {
  client: MlopsClient;
  model: ComparisonModel;
  metric: string;
  runs: readonly IChosenRun[];
  names: ReadonlyMap<string, string>;
  settings: IChartSettings;
  emphasized: string | null;
  height: number;
  /** Others are shown beside it. */
  wide: boolean;
  onWide: () => void;
  trans: TranslationBundle;
}

/** One metric of all runs; it asks for its points when it comes into view. */
export function MetricChart(props: IMetricChartProps): React.JSX.Element {
  const { client, metric, model, runs, settings, trans } = props;
  const host = React.useRef<HTMLDivElement>(null);
  const seen = useSeen(host);
  const [, redraw] = React.useReducer((count: number) => count + 1, 0);
  const [range, setRange] = React.useState<IRange | null>(null);
  const [points, setPoints] = React.useState<MetricPoints | null>(null);

  React.useEffect(() => {
    const made = new MetricPoints(client, metric);
    made.changed.connect(redraw);
    setPoints(made);
    return () => made.dispose();
  }, [client, metric]);

  const ids = runs.map(({ id }) => id).join(' ');
  React.useEffect(() => {
    setRange(null);
    points?.setRange(null);
  }, [points, settings.axis]);
  React.useEffect(() => {
    if (seen && points) {
      void points.show(ids ? ids.split(' ') : [], settings.axis);
    }
  }, [points, seen, ids, settings.axis]);
  React.useEffect(() => {
    if (!seen || !points) {
      return;
    }
    const refresh = (_: unknown, live: readonly string[]) => void points.refresh(live);
    model.moved.connect(refresh);
    return () => void model.moved.disconnect(refresh);
  }, [points, seen, model]);

  const known = points?.points;
  const series = React.useMemo(
    () =>
      runs.flatMap(({ id, style }): ISeries[] => {
        const found = known?.get(id);
        const any = found && (found.values.length > 0 || (found.nans?.length ?? 0) > 0);
        return any ? [{ id, label: props.names.get(id) ?? id, style, points: found }] : [];
      }),
    [runs, known, props.names]
  );
  const bars = React.useMemo(() => barsOf(series), [series]);
  return (
    <div ref={host} className="jp-mlops-metricChart" data-metric={metric}>
      {points?.loaded && bars ? (
        <figure className="jp-mlops-chart">
          <figcaption className="jp-mlops-chart-head">
            <span className="jp-mlops-chart-title" title={metric}>
              {metric}
            </span>
          </figcaption>
          <div style={{ minHeight: props.height }}>
            <Bars title={metric} bars={bars} emphasized={props.emphasized} />
          </div>
        </figure>
      ) : points?.loaded ? (
        <LineChart
          title={metric}
          series={series}
          axis={settings.axis}
          scale={settings.scale}
          smoothing={settings.smoothing}
          range={range}
          onRange={next => {
            setRange(next);
            points.setRange(next);
          }}
          height={props.height}
          legend={false}
          emphasized={props.emphasized}
          refining={points.refining}
          actions={
            <button
              type="button"
              className="jp-mlops-link jp-mlops-chart-action jp-mod-quiet"
              aria-pressed={props.wide}
              onClick={props.onWide}
            >
              {props.wide ? trans.__('Smaller') : trans.__('Larger')}
            </button>
          }
          trans={trans}
        />
      ) : (
        <figure className="jp-mlops-chart">
          <figcaption className="jp-mlops-chart-head">
            <span className="jp-mlops-chart-title">{metric}</span>
          </figcaption>
          <div className="jp-mlops-chart-empty" style={{ height: props.height }}>
            {!points?.error && trans.__('Loading…')}
          </div>
        </figure>
      )}
      {points?.error && (
        <ErrorNotice
          error={points.error}
          onRetry={() => void points.retry()}
          trans={trans}
        />
      )}
    </div>
  );
}

/** What was logged once by each run; null where there are lines to draw. */
function barsOf(series: readonly ISeries[]): { subject: ISubject; value: number }[] | null {
  const single = series.every(
    ({ points }) => points.values.length + (points.nans?.length ?? 0) === 1
  );
  return series.length && single
    ? series.map(({ id, label, style = 0, points }) => ({
        subject: { id, label, style },
        value: points.values[0] ?? NaN
      }))
    : null;
}

/** Whether a node is in view, or nearly. */
function useSeen(node: React.RefObject<HTMLElement>): boolean {
  const [seen, setSeen] = React.useState(typeof IntersectionObserver === 'undefined');
  React.useEffect(() => {
    const shown = node.current;
    if (!shown || typeof IntersectionObserver === 'undefined') {
      return;
    }
    const observer = new IntersectionObserver(
      // Of several that come at once, the last tells how it is.
      entries => setSeen(entries[entries.length - 1].isIntersecting),
      { rootMargin: '200px' }
    );
    observer.observe(shown);
    return () => observer.disconnect();
  }, []);
  return seen;
}
