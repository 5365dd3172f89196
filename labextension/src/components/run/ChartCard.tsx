import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { MlopsError } from '../../api/client';
import type { MetricSummary } from '../../api/types';
import { LineChart } from '../../charts/LineChart';
import { formatValue, toNumber } from '../../charts/numbers';
import type { IRange } from '../../charts/range';
import type { ISeries } from '../../charts/series';
import type { ICurve } from '../../model/curves';
import { curveOf } from '../../model/curves';
import type { RunModel } from '../../model/run';
import type { IDrawing } from './Charts';

const HEIGHT = 160;
/** A wheel that turns asks once, when it rests. */
const REST_MS = 200;

/** One metric's chart; a part of it that is looked at closer comes with finer points. */
export function ChartCard(props: {
  metric: MetricSummary;
  curve: ICurve | null;
  model: RunModel;
  drawing: IDrawing;
  watch: (key: string, node: HTMLElement | null) => void;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { metric, curve, model, watch, trans } = props;
  const { key } = metric;
  const { axis } = model.curves;
  const [range, setRange] = React.useState<IRange | null>(null);
  const [finer, setFiner] = React.useState<ICurve | null>(null);
  const [refining, setRefining] = React.useState(false);
  const node = React.useCallback(
    (found: HTMLElement | null) => watch(key, found),
    [key, watch]
  );

  React.useEffect(() => setRange(null), [axis]);
  const thinned = curve !== null && curve.total > curve.x.length;
  React.useEffect(() => {
    setFiner(null);
    setRefining(false);
    if (!range || !thinned) {
      return;
    }
    let wanted = true;
    setRefining(true);
    const timer = window.setTimeout(() => {
      model.points(key, range.from, range.to).then(
        ({ series }) => {
          if (wanted) {
            setRefining(false);
            setFiner(series.length ? curveOf(series[0]) : null);
          }
        },
        (error: unknown) => {
          setRefining(false);
          // The coarse points stay: they are no worse than before.
          if (!(error instanceof MlopsError)) {
            throw error;
          }
        }
      );
    }, REST_MS);
    return () => {
      wanted = false;
      window.clearTimeout(timer);
    };
  }, [model, key, range, thinned]);

  const series = React.useMemo<ISeries[]>(
    () => (curve ? [seriesOf(key, finer ? spliced(curve, finer) : curve)] : []),
    [key, curve, finer]
  );
  return (
    <div className="jp-mlops-charts-card" ref={node}>
      {curve ? (
        <LineChart
          title={key}
          series={series}
          axis={axis}
          scale={props.drawing.scale}
          smoothing={props.drawing.smoothing}
          range={range}
          onRange={setRange}
          refining={refining}
          height={HEIGHT}
          legend={false}
          actions={
            <span className="jp-mlops-charts-last" title={trans.__('Last value')}>
              {formatValue(toNumber(metric.last))}
            </span>
          }
          trans={trans}
        />
      ) : (
        <div
          className="jp-mlops-charts-waiting"
          role="status"
          aria-label={trans.__('Loading…')}
        >
          <span className="jp-mlops-chart-title">{key}</span>
        </div>
      )}
    </div>
  );
}

function seriesOf(key: string, curve: ICurve): ISeries {
  return {
    id: key,
    label: key,
    points: {
      steps: curve.steps,
      times: curve.x,
      values: curve.values,
      nans: curve.nans
    }
  };
}

/** The coarse points of a curve, and the finer ones of a part in the place of its own. */
export function spliced(curve: ICurve, finer: ICurve): ICurve {
  if (!finer.x.length) {
    return curve;
  }
  const from = finer.x[0];
  const to = finer.x[finer.x.length - 1];
  const before = curve.x.findIndex(x => x >= from);
  const first = before < 0 ? curve.x.length : before;
  const behind = curve.x.findIndex(x => x > to);
  const last = behind < 0 ? curve.x.length : behind;
  const join = <T,>(coarse: readonly T[], fine: readonly T[]): T[] => [
    ...coarse.slice(0, first),
    ...fine,
    ...coarse.slice(last)
  ];
  return {
    x: join(curve.x, finer.x),
    steps: join(curve.steps, finer.steps),
    values: join(curve.values, finer.values),
    nans: curve.nans,
    total: curve.total
  };
}
