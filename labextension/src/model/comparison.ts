import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import { MlopsError } from '../api/client';
import type { MlopsClient } from '../api/client';
import { comparedDetail, COMPARED_MOST, compareRuns } from '../api/comparison';
import type { ComparedDetail, ComparedRun, Comparison } from '../api/comparison';
import { Watch } from './watch';

/** One of the runs that are compared. */
export interface IChosenRun {
  readonly id: string;
  /** Its colour and dashes in every chart; it keeps them when others go. */
  readonly style: number;
  /** Null until it is known. */
  readonly run: ComparedRun | null;
}

/** Some runs beside each other, kept up to date while one of them goes on. */
export class ComparisonModel implements IDisposable {
  constructor(
    readonly client: MlopsClient,
    runs: readonly string[],
    baseline: string | null | undefined,
    isShown: () => boolean
  ) {
    for (const id of new Set(runs.slice(0, COMPARED_MOST))) {
      this._styles.set(id, this._styles.size);
    }
    this._baseline = baseline === undefined ? (this.runs[0] ?? null) : baseline;
    this._watch = new Watch(() => this._look(), isShown);
  }

  get isDisposed(): boolean {
    return this._watch.isDisposed;
  }

  /** Their ids, in the order in which they were chosen. */
  get runs(): readonly string[] {
    return [...this._styles.keys()];
  }

  get chosen(): readonly IChosenRun[] {
    return this._chosen;
  }

  /** The run that the others are measured by; null for none. */
  get baseline(): string | null {
    return this._baseline;
  }

  get comparison(): Comparison | null {
    return this._comparison;
  }

  /** All values of every run, once they were asked for. */
  get details(): ReadonlyMap<string, ComparedDetail> | null {
    return this._details;
  }

  get error(): MlopsError | null {
    return this._error;
  }

  /** Those that go on. */
  get live(): readonly string[] {
    return this._chosen
      .filter(({ run }) => run?.status === 'RUNNING' || run?.status === 'SCHEDULED')
      .map(({ id }) => id);
  }

  /** Anything above is another. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** Runs that go on may have new points. */
  get moved(): ISignal<this, readonly string[]> {
    return this._moved;
  }

  start(): void {
    this._rebuild();
    this._watch.start();
    void this.refresh();
  }

  /** It is seen again: somebody may have changed a name or a tag meanwhile. */
  wake(): void {
    if (this._comparison) {
      this._fetch().catch((error: unknown) => this._refused(error));
    }
  }

  add(id: string): void {
    if (this._styles.has(id) || this._styles.size >= COMPARED_MOST) {
      return;
    }
    const taken = new Set(this._styles.values());
    let style = 0;
    while (taken.has(style)) {
      style++;
    }
    this._styles.set(id, style);
    this._baseline ??= this._styles.size === 1 ? id : null;
    this._chosenAnew();
  }

  remove(id: string): void {
    if (!this._styles.delete(id)) {
      return;
    }
    if (this._baseline === id) {
      this._baseline = this.runs[0] ?? null;
    }
    this._chosenAnew();
  }

  setBaseline(id: string | null): void {
    this._baseline = id;
    this._changed.emit();
  }

  /** Ask for all values as well; the comparison tells only those that differ. */
  wantDetails(): void {
    if (!this._wantsDetails) {
      this._wantsDetails = true;
      void this.refresh();
    }
  }

  async refresh(): Promise<void> {
    this._etag = null;
    try {
      await this._fetch();
    } catch (error) {
      this._refused(error);
    }
  }

  dispose(): void {
    this._watch.dispose();
    Signal.clearData(this);
  }

  private _chosenAnew(): void {
    this._rebuild();
    this._changed.emit();
    void this.refresh();
  }

  private async _look(): Promise<boolean> {
    // Nothing about a run that has ended changes by itself.
    if (!this.live.length && !this._error) {
      return true;
    }
    try {
      await this._fetch();
    } catch (error) {
      this._refused(error);
      // The next look comes later.
      throw error;
    }
    return this._etag !== null;
  }

  private async _fetch(): Promise<void> {
    const runs = this.runs;
    if (!runs.length) {
      this._comparison = null;
      this._details = null;
      this._error = null;
      this._changed.emit();
      return;
    }
    const wanted = this._wantsDetails;
    const live = this.live;
    const answer = await compareRuns(this.client, runs, this._etag);
    if (!answer) {
      this._setError(null);
      return;
    }
    const details = wanted ? await this._allDetails(runs, live) : null;
    if (this.isDisposed || runs.join() !== this.runs.join()) {
      return;
    }
    this._comparison = answer.value;
    this._details = details ?? this._details;
    this._etag = answer.etag;
    this._error = null;
    this._rebuild();
    this._changed.emit();
    if (live.length) {
      this._moved.emit(live);
    }
  }

  private async _allDetails(
    runs: readonly string[],
    live: readonly string[]
  ): Promise<ReadonlyMap<string, ComparedDetail>> {
    const found = await Promise.all(
      runs.map(async run => {
        const known = live.includes(run) ? undefined : this._details?.get(run);
        return [run, known ?? (await comparedDetail(this.client, run))] as const;
      })
    );
    return new Map(found);
  }

  private _refused(error: unknown): void {
    if (!(error instanceof MlopsError)) {
      throw error;
    }
    this._setError(error);
  }

  private _setError(error: MlopsError | null): void {
    if (error !== this._error && !this.isDisposed) {
      this._error = error;
      this._changed.emit();
    }
  }

  private _rebuild(): void {
    const known = new Map(this._chosen.map(({ id, run }) => [id, run]));
    this._comparison?.runs.forEach(run => known.set(run.id, run));
    this._chosen = [...this._styles].map(([id, style]) => ({
      id,
      style,
      run: known.get(id) ?? null
    }));
  }

  private _styles = new Map<string, number>();
  private _chosen: readonly IChosenRun[] = [];
  private _baseline: string | null;
  private _comparison: Comparison | null = null;
  private _details: ReadonlyMap<string, ComparedDetail> | null = null;
  private _wantsDetails = false;
  private _etag: string | null = null;
  private _error: MlopsError | null = null;
  private _watch: Watch;
  private _changed = new Signal<this, void>(this);
  private _moved = new Signal<this, readonly string[]>(this);
}
