import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import { MlopsError } from '../api/client';
import type { MlopsClient } from '../api/client';
import { getPoints, RUNS_A_REQUEST } from '../api/metrics';
import type { IRange } from '../charts/range';
import { refined } from '../charts/refinement';
import type { Axis, IPoints } from '../charts/series';

type Points = ReadonlyMap<string, IPoints>;

const NONE: Points = new Map();
/** A zoom in the middle of another one asks for nothing. */
const PATIENCE_MS = 120;

/**
 * The points of one metric of some runs: coarse ones of all of it, and finer ones of the part that
 * is looked at.
 */
export class MetricPoints implements IDisposable {
  constructor(
    private readonly _client: MlopsClient,
    private readonly _key: string
  ) {}

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** By run; those without any are left out. */
  get points(): Points {
    return this._points;
  }

  /** Whether the first points are there. */
  get loaded(): boolean {
    return this._loaded;
  }

  /** Whether finer points are on their way. */
  get refining(): boolean {
    return this._refining;
  }

  get error(): MlopsError | null {
    return this._error;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Which runs over which axis; what is known already is not asked for again. */
  async show(runs: readonly string[], axis: Axis): Promise<void> {
    if (axis !== this._axis) {
      this._axis = axis;
      this._coarse.clear();
      this._etags.clear();
      this._fine = null;
      this._loaded = false;
    }
    this._runs = runs;
    await this._fetch(runs.filter(run => !this._coarse.has(run)));
  }

  /** Ask again for runs that go on. */
  async refresh(runs: readonly string[]): Promise<void> {
    const shown = runs.filter(run => this._coarse.has(run));
    if (shown.length) {
      await this._fetch(shown);
      if (this._range && !this._error) {
        await this._refine(this._range);
      }
    }
  }

  /** What failed is tried again. */
  async retry(): Promise<void> {
    await this._fetch(this._runs.filter(run => !this._coarse.has(run)));
    if (this._range) {
      await this._refine(this._range);
    }
  }

  /** The part that is looked at; null for all of it. */
  setRange(range: IRange | null): void {
    this._range = range;
    window.clearTimeout(this._timer);
    if (!range) {
      this._fine = null;
      this._refining = false;
      this._combine();
      return;
    }
    this._timer = window.setTimeout(() => void this._refine(range), PATIENCE_MS);
  }

  dispose(): void {
    this._isDisposed = true;
    window.clearTimeout(this._timer);
    Signal.clearData(this);
  }

  private async _fetch(runs: readonly string[]): Promise<void> {
    const axis = this._axis;
    if (!axis) {
      return;
    }
    await this._guarded(async () => {
      const answers = await Promise.all(
        chunks(runs).map(async chunk => {
          const known = chunk.join(' ');
          const query = { runs: chunk, key: this._key, axis };
          const answer = await getPoints(this._client, query, this._etags.get(known));
          if (answer && axis === this._axis) {
            this._etags.set(known, answer.etag);
          }
          return answer?.value ?? NONE;
        })
      );
      if (axis !== this._axis) {
        return;
      }
      for (const answer of answers) {
        answer.forEach((points, run) => this._coarse.set(run, points));
      }
      this._loaded = true;
    });
    this._combine();
  }

  private async _refine(range: IRange): Promise<void> {
    const axis = this._axis;
    if (!axis || this._isDisposed) {
      return;
    }
    // Whose points are all there already has no finer ones.
    const runs = this._runs.filter(run => {
      const coarse = this._coarse.get(run);
      return (
        coarse && (coarse.total ?? 0) > coarse.values.length + (coarse.nans?.length ?? 0)
      );
    });
    if (!runs.length) {
      return;
    }
    this._refining = true;
    this._changed.emit();
    await this._guarded(async () => {
      const answers = await Promise.all(
        chunks(runs).map(chunk =>
          getPoints(this._client, { runs: chunk, key: this._key, axis, range })
        )
      );
      if (range === this._range && axis === this._axis) {
        const points = new Map(answers.flatMap(answer => [...(answer?.value ?? NONE)]));
        this._fine = { range, points };
      }
    });
    if (range === this._range) {
      this._refining = false;
    }
    this._combine();
  }

  private async _guarded(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this._error = null;
    } catch (error) {
      if (!(error instanceof MlopsError)) {
        throw error;
      }
      this._error = error;
    }
  }

  private _combine(): void {
    const axis = this._axis;
    if (!axis || this._isDisposed) {
      return;
    }
    const found = new Map<string, IPoints>();
    for (const run of this._runs) {
      const coarse = this._coarse.get(run);
      const fine = this._fine?.points.get(run);
      if (coarse) {
        found.set(
          run,
          fine && this._fine ? refined(coarse, fine, this._fine.range, axis) : coarse
        );
      }
    }
    this._points = found;
    this._changed.emit();
  }

  private _runs: readonly string[] = [];
  private _axis: Axis | null = null;
  private _range: IRange | null = null;
  private _coarse = new Map<string, IPoints>();
  private _fine: { range: IRange; points: Points } | null = null;
  private _etags = new Map<string, string | null>();
  private _points: Points = NONE;
  private _loaded = false;
  private _refining = false;
  private _error: MlopsError | null = null;
  private _timer = 0;
  private _isDisposed = false;
  private _changed = new Signal<this, void>(this);
}

function chunks(runs: readonly string[]): string[][] {
  const found: string[][] = [];
  for (let at = 0; at < runs.length; at += RUNS_A_REQUEST) {
    found.push(runs.slice(at, at + RUNS_A_REQUEST));
  }
  return found;
}
