import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { MlopsClient } from '../api/client';
import { MlopsError } from '../api/client';
import type { Axis } from '../charts/series';
import { changeRun, readPoints, readRun } from '../api/run';
import type {
  Lineage,
  MetricSummary,
  RunChanges,
  RunDetail,
  SeriesList
} from '../api/types';
import { hasEnded } from '../api/types';
import { Curves } from './curves';

/** Never more than one request in this time while a run goes on. */
const PACE_MS = 1000;
/** Of what is asked for over and over, the server shall be busy for no more than a part. */
const SHARE = 4;
const LONGEST_PACE_MS = 30_000;
/** Where the server can't say that nothing is new, every answer is a whole one. */
export const SELDOM_MS = 5000;
const FIRST_RETRY_MS = 1000;
const LONGEST_RETRY_MS = 15_000;
/** What a run was made of is recorded after its end: so often it is looked for, and how long. */
const FACTS_PACE_MS = 2000;
const FACTS_PATIENCE_S = 120;

/**
 * One run as it is now: read once, then followed while it goes on and somebody looks. Asking again
 * costs the server next to nothing while nothing is new, and points are asked for as they come.
 */
export class RunModel implements IDisposable {
  constructor(
    readonly client: MlopsClient,
    readonly id: string
  ) {}

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** The run; null while it isn't known. */
  get detail(): RunDetail | null {
    return this._detail;
  }

  /** What it came from and what came out of it; null while it isn't known. */
  get lineage(): Lineage | null {
    return this._lineage;
  }

  get metrics(): ReadonlyMap<string, MetricSummary> {
    return this._metrics;
  }

  /** Why it can't be read; null while it can. */
  get error(): MlopsError | null {
    return this._error;
  }

  /** Whether what is shown may be old, since nobody answers. */
  get stale(): boolean {
    return this._error !== null && this._detail !== null;
  }

  /** Whether it is asked of a tracking server, which can't tell what is new. */
  get atServer(): boolean {
    return this._detail?.at_server ?? false;
  }

  readonly curves = new Curves();

  /** Anything above changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Somebody looks, or nobody does: nothing is asked for then. */
  setVisible(visible: boolean): void {
    if (visible !== this._visible) {
      this._visible = visible;
      window.clearTimeout(this._timer);
      if (visible) {
        this._soon();
      }
    }
  }

  /** Ask now, whatever was planned. */
  refresh(): void {
    this._error = null;
    this._etag = null;
    this._summarised = false;
    this._changed.emit();
    this._soon();
  }

  /** Which metrics' points are looked at. */
  setWanted(keys: readonly string[]): void {
    this.curves.setWanted(keys);
    this._soonForPoints();
  }

  setAxis(axis: Axis): void {
    this.curves.setAxis(axis);
    this._changed.emit();
    this._soonForPoints();
  }

  /** Points of one metric between two places, as finely as can be drawn. */
  async points(key: string, from: number, to: number): Promise<SeriesList> {
    const { axis } = this.curves;
    return readPoints(this.client, this.id, [key], { axis, from, to });
  }

  /**
   * Change the run; the page shows what the server answers.
   *
   * Throws an MlopsError; `otherNote` tells whether somebody else has changed the note.
   */
  async change(changes: Partial<RunChanges>): Promise<void> {
    const number = ++this._changes;
    let detail: RunDetail;
    try {
      detail = await changeRun(this.client, this.id, changes);
    } catch (error) {
      // How it is instead.
      this._soon();
      throw error;
    }
    this._etag = null;
    // Another one has been made meanwhile: how the run is after both is read.
    if (number === this._changes) {
      this._changes++;
      this._take(detail, false);
      this._changed.emit();
    } else {
      this._soon();
    }
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      window.clearTimeout(this._timer);
      Signal.clearData(this);
    }
  }

  private _soon(): void {
    this._plan(0);
  }

  /** Somebody waits for points that aren't there: they don't wait for their turn. */
  private _soonForPoints(): void {
    const order = this.curves.due(this._metrics);
    if (order && this.curves.isFirst(order) && !this._asking) {
      this._plan(0);
    }
  }

  private _plan(delay: number): void {
    window.clearTimeout(this._timer);
    if (this._visible && !this._isDisposed) {
      this._timer = window.setTimeout(() => void this._ask(), delay);
    }
  }

  private async _ask(): Promise<void> {
    if (this._asking) {
      return;
    }
    this._asking = true;
    const began = Date.now();
    let next: number | null;
    try {
      await this._askOnce();
      this._retry = FIRST_RETRY_MS;
      next = this._nextDelay(Date.now() - began);
    } catch (error) {
      if (!(error instanceof MlopsError)) {
        throw error;
      }
      // One that was there has been deleted; another may not be recorded yet.
      const gone = error.code === 'run_not_found' && this._detail !== null;
      this._fail(error);
      next = gone ? null : this._retry;
      this._retry = Math.min(this._retry * 2, LONGEST_RETRY_MS);
    } finally {
      this._asking = false;
    }
    if (next !== null) {
      this._plan(next);
    }
  }

  /** One request: for points when some are due and the run was read last, else for the run. */
  private async _askOnce(): Promise<void> {
    const order = this._detail ? this.curves.due(this._metrics) : null;
    if (order && (this._readLast || this.curves.isFirst(order))) {
      this._readLast = false;
      const { axis } = this.curves;
      const metrics = this._metrics;
      const { keys, from } = order;
      const answer = await readPoints(this.client, this.id, keys, { axis, from });
      if (axis === this.curves.axis) {
        this.curves.take(order, answer.series, metrics);
      }
      this._clear();
      this._changed.emit();
      return;
    }
    this._readLast = true;
    // Extremes cost a walk through all points: told after the first reading, and at the end.
    const summary = this._detail !== null && !this._summarised;
    const etag = summary ? null : this._etag;
    const changes = this._changes;
    const reading = await readRun(this.client, this.id, { summary, etag });
    if (changes !== this._changes) {
      // It may have been read before a change of ours, whose answer tells more.
      this._etag = null;
      return;
    }
    const failed = this._clear();
    if (reading) {
      this._etag = reading.etag;
      this._take(reading.value, summary);
    }
    if (reading || failed) {
      this._changed.emit();
    }
  }

  private _take(detail: RunDetail, summarised: boolean): void {
    const before = this._detail;
    this._detail = detail;
    if (detail.lineage) {
      this._lineage = detail.lineage;
    }
    this._metrics = new Map(
      detail.metrics.map(metric => [
        metric.key,
        summarised ? metric : withExtremes(metric, this._metrics.get(metric.key))
      ])
    );
    this._summarised = this._summarised || summarised;
    if (before && !hasEnded(before.run.status) && hasEnded(detail.run.status)) {
      this._summarised = false;
      this._etag = null;
      this._endSeen = Date.now() / 1000;
      this.curves.renew();
    }
  }

  /** Milliseconds until the next request; null when there is nothing to wait for. */
  private _nextDelay(took: number): number | null {
    const least = this._etag === null || this.atServer ? SELDOM_MS : PACE_MS;
    const pace = Math.min(Math.max(least, took * SHARE), LONGEST_PACE_MS);
    const { _detail: detail } = this;
    if (!detail) {
      return pace;
    }
    const order = this.curves.due(this._metrics);
    if (!this._summarised || (order && this.curves.isFirst(order))) {
      return 0;
    }
    if (!hasEnded(detail.run.status) || order) {
      return pace;
    }
    const { ended_at: ended, own_tags: tags } = detail.run;
    const now = Date.now() / 1000;
    // The clock of the machine that it ran on may be another.
    const since = this._endSeen ?? ended;
    const recent = since !== null && now - since < FACTS_PATIENCE_S;
    const awaited = recent && !('mlops.reproducible' in tags);
    return awaited ? Math.max(FACTS_PACE_MS, pace) : null;
  }

  private _fail(error: MlopsError): void {
    this._error = error;
    // Another daemon counts anew.
    this._etag = null;
    this._changed.emit();
  }

  private _clear(): boolean {
    const failed = this._error !== null;
    this._error = null;
    return failed;
  }

  private _detail: RunDetail | null = null;
  private _lineage: Lineage | null = null;
  private _metrics: ReadonlyMap<string, MetricSummary> = new Map();
  private _error: MlopsError | null = null;
  private _etag: string | null = null;
  /** Whether extremes and lineage are known as they are now. */
  private _summarised = false;
  private _readLast = false;
  private _visible = false;
  private _asking = false;
  /** Another number whenever a change of ours begins and has been made. */
  private _changes = 0;
  private _timer = 0;
  /** When it was seen to have ended, by the clock of this machine. */
  private _endSeen: number | null = null;
  private _retry = FIRST_RETRY_MS;
  private _isDisposed = false;
  private _changed = new Signal<this, void>(this);
}

/** What is known of a metric with the extremes that were told before, brought up to its last value. */
export function withExtremes(now: MetricSummary, before?: MetricSummary): MetricSummary {
  if (!before) {
    return now;
  }
  const fresh = now.step !== before.step || now.time !== before.time;
  const { last } = now;
  const number = typeof last === 'number' ? last : null;
  return {
    ...now,
    min: least(before.min, number, Math.min),
    max: least(before.max, number, Math.max),
    points: fresh ? null : before.points
  };
}

function least(
  told: MetricSummary['min'],
  last: number | null,
  of: (one: number, other: number) => number
): MetricSummary['min'] {
  return last === null || typeof told !== 'number' ? told : of(told, last);
}
