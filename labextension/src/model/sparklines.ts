import { Debouncer } from '@lumino/polling';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { MlopsClient } from '../api/client';
import { MlopsError } from '../api/client';
import type { RunRow, Sparkline } from '../api/runs';
import { listSparklines } from '../api/runs';

/** Of one request; the server's own limits. */
const MOST_RUNS = 100;
const MOST_LINES = 1000;
/** Scrolling on within this time, nothing is asked. */
const SETTLED_MS = 120;
const MOST_KEPT = 5000;

interface IKept {
  line: Sparkline | null;
  /** Of a run that goes on: as of this round. */
  round: number;
  final: boolean;
}

/**
 * Lines for the cells in sight: all of them in one request once the table stands still, again only
 * for runs that go on.
 */
export class Sparklines implements IDisposable {
  constructor(private readonly _client: MlopsClient) {
    this._asking = new Debouncer(() => this._ask(), SETTLED_MS);
  }

  get isDisposed(): boolean {
    return this._asking.isDisposed;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  get(run: string, key: string): Sparkline | null {
    return this._kept.get(mark(run, key))?.line ?? null;
  }

  /** What is in sight now. */
  want(runs: readonly RunRow[], keys: readonly string[]): void {
    this._wanted = { runs, keys };
    if (runs.length && keys.length && this._missing().runs.length) {
      void this._asking.invoke();
    }
  }

  /** Something has been logged since. */
  age(): void {
    this._round++;
  }

  dispose(): void {
    this._asking.dispose();
    Signal.clearData(this);
  }

  private _missing(): { runs: RunRow[]; keys: readonly string[] } {
    const { runs, keys } = this._wanted;
    const open = runs.filter(run =>
      keys.some(key => {
        const kept = this._kept.get(mark(run.id, key));
        // A metric that the run hasn't logged has no line.
        return key in run.metrics && (!kept || (!kept.final && kept.round !== this._round));
      })
    );
    const most = Math.min(MOST_RUNS, Math.floor(MOST_LINES / Math.max(1, keys.length)));
    return { runs: open.slice(0, most), keys };
  }

  private async _ask(): Promise<void> {
    const { runs, keys } = this._missing();
    if (!runs.length || this._busy) {
      return;
    }
    const round = this._round;
    this._busy = true;
    try {
      const lines = await listSparklines(
        this._client,
        runs.map(run => run.id),
        keys
      );
      if (this._kept.size > MOST_KEPT) {
        this._kept.clear();
      }
      for (const run of runs) {
        const final = run.status !== 'RUNNING' && run.status !== 'SCHEDULED';
        keys.forEach(key =>
          this._kept.set(mark(run.id, key), { line: null, round, final })
        );
      }
      for (const line of lines) {
        const kept = this._kept.get(mark(line.run_id, line.key));
        if (kept) {
          kept.line = line;
        }
      }
    } catch (error) {
      if (!(error instanceof MlopsError)) {
        throw error;
      }
      // The table itself says that the server doesn't answer; the next look asks again.
      return;
    } finally {
      this._busy = false;
    }
    if (!this.isDisposed) {
      this._changed.emit();
      if (this._missing().runs.length) {
        void this._asking.invoke();
      }
    }
  }

  private _asking: Debouncer;
  private _busy = false;
  private _round = 0;
  private _kept = new Map<string, IKept>();
  private _wanted: { runs: readonly RunRow[]; keys: readonly string[] } = {
    runs: [],
    keys: []
  };
  private _changed = new Signal<this, void>(this);
}

function mark(run: string, key: string): string {
  return `${run} ${key}`;
}
