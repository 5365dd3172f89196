import type { Axis } from '../charts/series';
import { SERIES_MOST } from '../api/run';
import type { MetricSummary, Series } from '../api/types';
import { toNumber } from '../charts/numbers';

/** Points of one metric, in the order of the axis. */
export interface ICurve {
  /** Of the axis: steps, seconds since the epoch or since the run's start. */
  readonly x: readonly number[];
  readonly steps: readonly number[];
  /** May hold infinities. */
  readonly values: readonly number[];
  /** Where points are that are NaN. */
  readonly nans: readonly number[];
  /** How many were logged between its ends. */
  readonly total: number;
}

/** A request for points: of several metrics from one place on. */
export interface IOrder {
  readonly keys: readonly string[];
  /** Null: all of it. */
  readonly from: number | null;
}

/** Points that are kept of one metric before all of it is asked for anew, thinned out. */
export const KEPT_MOST = 4000;
/** Metrics whose points are kept: those that were looked at last. */
const CURVES_MOST = 400;

interface IState {
  curve: ICurve | null;
  /** What the run's last reading said of the metric when the curve was asked for. */
  mark: string;
  /** Whether all of it is to be asked for once more. */
  whole: boolean;
}

/**
 * The points of a run's metrics as far as somebody looks at them, brought up to date by asking for
 * what is new only.
 */
export class Curves {
  /** The axis; another one means other points. */
  get axis(): Axis {
    return this._axis;
  }

  setAxis(axis: Axis): void {
    if (axis !== this._axis) {
      this._axis = axis;
      this._states.clear();
    }
  }

  /** Which metrics are looked at now. */
  setWanted(keys: readonly string[]): void {
    this._wanted = keys;
    // The ones looked at last are the last in the map.
    for (const key of keys) {
      const state = this._states.get(key);
      if (state) {
        this._states.delete(key);
        this._states.set(key, state);
      }
    }
    for (const key of this._states.keys()) {
      if (this._states.size <= Math.max(CURVES_MOST, keys.length)) {
        break;
      }
      this._states.delete(key);
    }
  }

  get(key: string): ICurve | null {
    return this._states.get(key)?.curve ?? null;
  }

  /** What to ask for next; null when all that is looked at is known. */
  due(metrics: ReadonlyMap<string, MetricSummary>): IOrder | null {
    const fresh: string[] = [];
    const known: string[] = [];
    let from = Infinity;
    for (const key of this._wanted) {
      const metric = metrics.get(key);
      if (!metric) {
        continue;
      }
      const state = this._states.get(key);
      if (!state?.curve || state.whole) {
        fresh.push(key);
      } else if (state.mark !== markOf(metric)) {
        const { x } = state.curve;
        if (!x.length || x.length > KEPT_MOST) {
          fresh.push(key);
        } else {
          known.push(key);
          from = Math.min(from, x[x.length - 1]);
        }
      }
    }
    if (fresh.length) {
      return { keys: fresh.slice(0, SERIES_MOST), from: null };
    }
    return known.length ? { keys: known.slice(0, SERIES_MOST), from } : null;
  }

  /** Whether an order is for what isn't known at all yet, so that somebody waits for it. */
  isFirst(order: IOrder): boolean {
    return order.keys.some(key => !this._states.get(key)?.curve);
  }

  /** Take what was ordered. `metrics` are as they were when it was asked for. */
  take(
    order: IOrder,
    answer: readonly Series[],
    metrics: ReadonlyMap<string, MetricSummary>
  ): void {
    for (const series of answer) {
      const fresh = curveOf(series);
      const before = this.get(series.key);
      const metric = metrics.get(series.key);
      this._states.set(series.key, {
        curve:
          order.from === null || !before ? fresh : continued(before, fresh, order.from),
        mark: metric ? markOf(metric) : '',
        whole: false
      });
    }
  }

  /** Ask for all that is looked at once more: points may have come before the last ones. */
  renew(): void {
    for (const state of this._states.values()) {
      state.whole = true;
    }
  }

  private _axis: Axis = 'step';
  private _wanted: readonly string[] = [];
  private _states = new Map<string, IState>();
}

/** What has to change when a metric gets further points. */
function markOf(metric: MetricSummary): string {
  return `${metric.step} ${metric.time} ${metric.last}`;
}

export function curveOf(series: Series): ICurve {
  return {
    x: series.x,
    steps: series.step,
    values: series.y.map(toNumber),
    nans: series.nan_x,
    total: series.total
  };
}

/** A curve with the points from a place on in the place of those that it had there. */
export function continued(before: ICurve, fresh: ICurve, from: number): ICurve {
  const end = before.x.findIndex(x => x >= from);
  const kept = end < 0 ? before.x.length : end;
  const replaced = before.x.length - kept;
  return {
    x: [...before.x.slice(0, kept), ...fresh.x],
    steps: [...before.steps.slice(0, kept), ...fresh.steps],
    values: [...before.values.slice(0, kept), ...fresh.values],
    nans: [...before.nans.filter(x => x < from), ...fresh.nans],
    total: before.total - replaced + fresh.total
  };
}
