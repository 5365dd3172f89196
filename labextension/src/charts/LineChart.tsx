import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { Legend } from './Legend';
import type { IRange } from './range';
import type { Axis, ISeries } from './series';
import { heightOf, lineOf, wholeOf } from './series';
import { formatPlace, axisName } from './plot';
import { formatTick } from './numbers';
import { LinePlot } from './LinePlot';
import { SeriesTable } from './SeriesTable';

export interface ILineChartProps {
  title: string;
  series: readonly ISeries[];
  axis: Axis;
  scale: 'linear' | 'log';
  /** Weight of what came before: 0 (none) to below 1. */
  smoothing: number;
  /** The part of the axis that is shown, null for all of it; the chart's own affair when left out. */
  range?: IRange | null;
  /** Another part is to be shown: whoever has finer points of it gives them. */
  onRange?: (range: IRange | null) => void;
  /** Pixels of the plot. */
  height?: number;
  /** Left out where another legend says it. */
  legend?: boolean;
  /** The id of a series that stands out. */
  emphasized?: string | null;
  /** Finer points are on their way. */
  refining?: boolean;
  /** What else is to be done with the chart, beside its title. */
  actions?: React.ReactNode;
  trans: TranslationBundle;
}

const HEIGHT = 220;
const NONE: ReadonlySet<string> = new Set();

/** Lines over steps or time: overlaid, smoothed, zoomed, read off. */
export function LineChart(props: ILineChartProps): React.JSX.Element {
  const { series, axis, smoothing, trans, title } = props;
  const log = props.scale === 'log';
  const [own, setOwn] = React.useState<IRange | null>(null);
  const [hidden, setHidden] = React.useState(NONE);
  const [pointed, setPointed] = React.useState<string | null>(null);
  const [tabular, setTabular] = React.useState(false);

  // Steps mean nothing as times.
  React.useEffect(() => setOwn(null), [axis]);

  const lines = React.useMemo(
    () => series.map((one, index) => lineOf(one, index, axis, smoothing)),
    [series, axis, smoothing]
  );
  const shown = React.useMemo(
    () => lines.filter(line => !hidden.has(line.id)),
    [lines, hidden]
  );
  const whole = React.useMemo(() => wholeOf(lines), [lines]);
  const zoom = props.range === undefined ? own : props.range;
  const range = zoom ?? whole;
  const onRange = (next: IRange | null) => {
    setOwn(next);
    props.onRange?.(next);
  };

  const dropped = React.useMemo(
    () =>
      log
        ? shown.reduce((sum, { raw }) => sum + raw.filter(value => value <= 0).length, 0)
        : 0,
    [shown, log]
  );
  return (
    <figure className="jp-mlops-chart" data-refining={props.refining ? 'true' : undefined}>
      <figcaption className="jp-mlops-chart-head">
        <span className="jp-mlops-chart-title" title={title}>
          {title}
        </span>
        {zoom && (
          <button
            type="button"
            className="jp-mlops-link jp-mlops-chart-action"
            onClick={() => onRange(null)}
          >
            {trans.__('Show all')}
          </button>
        )}
        <button
          type="button"
          className="jp-mlops-link jp-mlops-chart-action jp-mod-quiet"
          aria-pressed={tabular}
          onClick={() => setTabular(!tabular)}
        >
          {tabular ? trans.__('Show as chart') : trans.__('Show as table')}
        </button>
        {props.actions}
      </figcaption>
      {!range || !whole ? (
        <div
          className="jp-mlops-chart-empty"
          style={{ height: props.height ?? HEIGHT }}
          role="status"
        >
          {trans.__('No points yet.')}
        </div>
      ) : tabular ? (
        <SeriesTable
          title={title}
          lines={shown}
          range={range}
          placeName={axisName(axis, trans)}
          formatPlace={place =>
            axis === 'step' ? formatTick(place) : formatPlace(axis, place, trans)
          }
          trans={trans}
        />
      ) : (
        <LinePlot
          title={title}
          lines={shown}
          axis={axis}
          log={log}
          smoothed={smoothing > 0}
          range={range}
          whole={whole}
          height={props.height ?? HEIGHT}
          emphasized={pointed ?? props.emphasized ?? null}
          onRange={onRange}
          values={heightOf(shown, range, log)}
          trans={trans}
        />
      )}
      {dropped > 0 && (
        <div className="jp-mlops-chart-note">
          {trans._n(
            '%1 value at or below zero has no place on a logarithmic scale.',
            '%1 values at or below zero have no place on a logarithmic scale.',
            dropped
          )}
        </div>
      )}
      {(props.legend ?? series.length > 1) && (
        <Legend
          series={series}
          hidden={hidden}
          onHidden={setHidden}
          onEmphasized={setPointed}
          trans={trans}
        />
      )}
    </figure>
  );
}
