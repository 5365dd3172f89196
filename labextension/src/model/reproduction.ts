import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { MlopsClient } from '../api/client';
import { MlopsError } from '../api/client';
import type { Reproduction, Stage } from '../api/reproductions';
import {
  cancelReproduction,
  listReproductions,
  readReproduction,
  reproduceRun
} from '../api/reproductions';
import type { Job } from '../api/types';

/** Stages are short: so often it is looked how far it is, while somebody sees it. */
const PACE_MS = 1000;
const FIRST_RETRY_MS = 2000;
const LONGEST_RETRY_MS = 30_000;

/**
 * The reproduction of a run that is under way, wherever it was begun, followed to its end. What
 * ended before anybody looked is told by the run's own badge and isn't shown here.
 */
export class ReproductionModel implements IDisposable {
  constructor(
    readonly client: MlopsClient,
    readonly run: string
  ) {}

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Under way, or ended since somebody looks; null where there is none. */
  get current(): Reproduction | null {
    return this._current;
  }

  get underWay(): boolean {
    return this._current !== null && this._current.outcome === null;
  }

  /** How far its job is; null while it has none that runs. */
  get progress(): Job['progress'] | null {
    return this._progress;
  }

  /** Anything above changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** It has come to its outcome: the run has a badge now. */
  get ended(): ISignal<this, Reproduction> {
    return this._ended;
  }

  /** Somebody looks, or nobody does: nothing is asked for then. */
  setVisible(visible: boolean): void {
    if (visible !== this._visible) {
      this._visible = visible;
      this._plan(0);
    }
  }

  /** Begin one. Throws an MlopsError. */
  async begin(): Promise<void> {
    this._take(await reproduceRun(this.client, this.run));
    this._plan(PACE_MS);
  }

  /** Ask for its end. Throws an MlopsError. */
  async cancel(): Promise<void> {
    if (this._current && this.underWay) {
      this._take(await cancelReproduction(this.client, this._current.id));
    }
  }

  /** How it came out has been read. */
  dismiss(): void {
    if (!this.underWay) {
      this._current = null;
      this._changed.emit();
    }
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      window.clearTimeout(this._timer);
      Signal.clearData(this);
    }
  }

  private _plan(delay: number): void {
    window.clearTimeout(this._timer);
    if (this._visible && !this._isDisposed) {
      this._timer = window.setTimeout(() => void this._look(), delay);
    }
  }

  private async _look(): Promise<void> {
    try {
      await this._lookOnce();
      this._retry = FIRST_RETRY_MS;
      if (this.underWay) {
        this._plan(PACE_MS);
      }
    } catch (error) {
      if (!(error instanceof MlopsError)) {
        throw error;
      }
      // That nobody answers is said by the run's page itself. What isn't there doesn't come back.
      if (error.status === 404) {
        this._current = null;
        this._changed.emit();
      } else {
        this._plan(this._retry);
        this._retry = Math.min(2 * this._retry, LONGEST_RETRY_MS);
      }
    }
  }

  private async _lookOnce(): Promise<void> {
    const known = this._current;
    if (known?.outcome !== null) {
      const found = await listReproductions(this.client, this.run);
      const begun = found.find(one => one.outcome === null);
      if (begun && !this.underWay) {
        this._take(begun);
      }
      return;
    }
    const now = await readReproduction(this.client, known.id);
    const runs = stageOf(now)?.name === 'running';
    const progress = runs && now.job_id ? await this._progressOf(now.job_id) : null;
    if (this._current?.id === known.id) {
      this._progress = progress;
      this._take(now);
    }
  }

  private async _progressOf(job: string): Promise<Job['progress'] | null> {
    try {
      return (await this.client.job(job)).progress;
    } catch (error) {
      // A job that was deleted is the reproduction's own affair: it says so.
      if (!(error instanceof MlopsError)) {
        throw error;
      }
      return null;
    }
  }

  private _take(now: Reproduction): void {
    if (this._isDisposed) {
      return;
    }
    const ended = now.outcome !== null && this.underWay;
    this._current = now;
    if (now.outcome !== null) {
      this._progress = null;
    }
    this._changed.emit();
    if (ended) {
      this._ended.emit(now);
    }
  }

  private _current: Reproduction | null = null;
  private _progress: Job['progress'] | null = null;
  private _visible = false;
  private _timer = 0;
  private _retry = FIRST_RETRY_MS;
  private _isDisposed = false;
  private _changed = new Signal<this, void>(this);
  private _ended = new Signal<this, Reproduction>(this);
}

/** The stage that it is in: the last one that has begun; null before the first. */
export function stageOf(reproduction: Reproduction): Stage | null {
  return reproduction.stages.filter(one => one.state !== 'waiting').pop() ?? null;
}
