import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { MlopsClient } from '../api/client';
import { MlopsError } from '../api/client';
import type { MlopsStream } from '../api/stream';
import type { IStoreEvent, Job, JobList, State } from '../api/types';
import { isTerminal } from '../api/types';
import { JobNews } from './jobNews';
import { Renewal } from './renewal';

const PAGE = 100;
/** The server's own limit. */
const LARGEST_PAGE = 1000;
const COUNT_DELAY_MS = 300;

export interface IJobFilter {
  readonly states: readonly State[];
  readonly name: string;
}

/**
 * The jobs that a person looks at: a page of the server's list, kept true by events.
 */
export class JobsModel implements IDisposable {
  constructor(
    readonly client: MlopsClient,
    readonly stream: MlopsStream
  ) {
    this._recount = new Renewal(() => this._count(), COUNT_DELAY_MS);
    stream.connectedChanged.connect(this._onConnected, this);
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Newest first. */
  get jobs(): readonly Job[] {
    return this._sorted;
  }

  get counts(): Readonly<Partial<Record<State, number>>> {
    return this._counts;
  }

  get filter(): IJobFilter {
    return this._filter;
  }

  get loading(): boolean {
    return this._loading;
  }

  get error(): MlopsError | null {
    return this._error;
  }

  get hasMore(): boolean {
    return this._next !== null;
  }

  /** How many are not ended, whatever the filter. */
  get active(): number {
    return this._active.size;
  }

  /** Anything above changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** A newer reading of a job, whether or not the filter shows it. */
  get jobChanged(): ISignal<this, Job> {
    return this._jobChanged;
  }

  /** A job became terminal while we were looking. */
  get ended(): ISignal<this, Job> {
    return this._ended;
  }

  get(id: string): Job | undefined {
    return this._jobs.get(id);
  }

  /** Load and follow; called when something first shows jobs. */
  start(): void {
    if (!this._started) {
      this._started = true;
      void this.refresh();
    }
  }

  async setFilter(filter: Partial<IJobFilter>): Promise<void> {
    this._filter = { ...this._filter, ...filter };
    await this.refresh();
  }

  async refresh(): Promise<void> {
    this._generation++;
    const limit = Math.min(Math.max(PAGE, this._jobs.size), LARGEST_PAGE);
    const answer = Promise.all([
      this.client.jobs({ ...this._filter, limit }),
      this.client.jobs({ states: ['queued', 'starting', 'running'], limit: LARGEST_PAGE })
    ]);
    await this._load(answer, ([list, running]) => {
      const news = this._news.since(list.version);
      const current = list.jobs.filter(job => !news.has(job.id));
      this._jobs = new Map(current.map(job => [job.id, job]));
      [...current, ...running.jobs]
        .filter(job => !news.has(job.id))
        .forEach(job => this._jobChanged.emit(job));
      const active = new Set(running.jobs.map(job => job.id));
      for (const [id, job] of news) {
        // What became of it has been told when it was heard of.
        active.delete(id);
        if (job && !isTerminal(job.state)) {
          active.add(id);
        }
        if (job && this._matches(job)) {
          this._jobs.set(id, job);
        }
      }
      for (const id of this._active) {
        if (!active.has(id) && !news.has(id)) {
          void this._announce(id);
        }
      }
      this._active = active;
      this._next = list.next ?? null;
      this._takeCounts(list);
      this._seq = list.version;
      this._follow();
    });
  }

  async loadMore(): Promise<void> {
    if (!this._next || this._loading) {
      return;
    }
    const page = { ...this._filter, limit: PAGE, cursor: this._next };
    await this._load(this.client.jobs(page), list => {
      const news = this._news.since(list.version);
      for (const job of list.jobs.filter(one => !news.has(one.id))) {
        const known = this._jobs.get(job.id);
        if (!known || known.version <= job.version) {
          this._jobs.set(job.id, job);
        }
      }
      this._next = list.next ?? null;
    });
  }

  /** Take an answer of the API at once, before its event comes. */
  accept(job: Job): void {
    const known = this._jobs.get(job.id);
    if (known && known.version > job.version) {
      return;
    }
    this._news.changed(job);
    this._jobChanged.emit(job);
    if (isTerminal(job.state)) {
      if (this._active.delete(job.id)) {
        this._ended.emit(job);
      }
    } else {
      this._active.add(job.id);
    }
    if (this._matches(job)) {
      this._jobs.set(job.id, job);
    } else {
      this._jobs.delete(job.id);
    }
    this._sort();
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this._subscription?.dispose();
      this._recount.dispose();
      this.stream.connectedChanged.disconnect(this._onConnected, this);
      Signal.clearData(this);
    }
  }

  /** Wait for an answer and take it, unless the list has been asked for anew meanwhile. */
  private async _load<T>(answer: Promise<T>, take: (answer: T) => void): Promise<void> {
    const generation = this._generation;
    const current = () => generation === this._generation && !this._isDisposed;
    this._loading = true;
    this._news.begin();
    this._changed.emit();
    try {
      const taken = await answer;
      if (current()) {
        take(taken);
        this._error = null;
      }
    } catch (error) {
      if (current()) {
        this._error = asMlopsError(error);
      }
    } finally {
      this._news.end();
      if (current()) {
        this._loading = false;
        this._sort();
      }
    }
  }

  private _follow(): void {
    if (this._subscription) {
      return;
    }
    this._subscription = this.stream.subscribe<IStoreEvent>({
      path: () => `/api/v1/events?after=${this._seq}&follow=1`,
      next: event => this._onEvent(event),
      error: problem => {
        this._subscription = null;
        this._error = new MlopsError(0, problem);
        this._changed.emit();
      }
    });
  }

  private _onEvent(event: IStoreEvent): void {
    if (event.seq !== undefined) {
      this._seq = Math.max(this._seq, event.seq);
    }
    if (event.type === 'job' && event.job) {
      const before = this._jobs.get(event.job.id)?.state;
      this.accept(event.job);
      if (before !== event.job.state) {
        this._recount.ask();
      }
    } else if (event.type === 'job_deleted' && event.job_id) {
      this._news.deleted(event.job_id, event.seq ?? this._seq);
      this._jobs.delete(event.job_id);
      this._active.delete(event.job_id);
      this._sort();
      this._recount.ask();
    }
  }

  private _onConnected(_: MlopsStream, connected: boolean): void {
    // Deletions and ends may have happened while nobody listened; it may be another store by now.
    this._countsOf = 0;
    if (connected && this._started && this._seq > 0) {
      void this.refresh();
    } else {
      this._changed.emit();
    }
  }

  private async _announce(id: string): Promise<void> {
    try {
      const job = await this.client.job(id);
      this._jobChanged.emit(job);
      if (isTerminal(job.state)) {
        this._ended.emit(job);
      }
    } catch (error) {
      if (!(error instanceof MlopsError)) {
        throw error;
      }
      // Deleted meanwhile: nothing to announce.
    }
  }

  private async _count(): Promise<void> {
    const generation = this._generation;
    try {
      const list = await this.client.jobs({ ...this._filter, limit: 1 });
      // A list that has been asked for since brings its own.
      if (generation === this._generation && !this._isDisposed) {
        this._takeCounts(list);
        this._changed.emit();
      }
    } catch (error) {
      if (generation === this._generation && !this._isDisposed) {
        this._error = asMlopsError(error);
        this._changed.emit();
      }
    }
  }

  /** Counts, unless newer ones have come before them. */
  private _takeCounts({ counts, version }: JobList): void {
    if (version >= this._countsOf || this._countsFor !== this._filter) {
      this._counts = counts;
      this._countsOf = version;
      this._countsFor = this._filter;
    }
  }

  private _matches(job: Job): boolean {
    const { states, name } = this._filter;
    return (
      (!states.length || states.includes(job.state)) &&
      (!name || job.name.toLowerCase().includes(name.toLowerCase()))
    );
  }

  private _sort(): void {
    this._sorted = [...this._jobs.values()].sort(
      (a, b) => b.created_at - a.created_at || (a.id < b.id ? 1 : -1)
    );
    this._changed.emit();
  }

  private _jobs = new Map<string, Job>();
  private _sorted: readonly Job[] = [];
  private _active = new Set<string>();
  private _counts: Partial<Record<State, number>> = {};
  /** The version of the store that they are of, and what was filtered for. */
  private _countsOf = 0;
  private _countsFor: IJobFilter | null = null;
  private _filter: IJobFilter = { states: [], name: '' };
  private _next: string | null = null;
  private _seq = 0;
  private _generation = 0;
  private _started = false;
  private _loading = false;
  private _error: MlopsError | null = null;
  private _subscription: IDisposable | null = null;
  private readonly _recount: Renewal;
  private readonly _news = new JobNews();
  private _isDisposed = false;
  private _changed = new Signal<this, void>(this);
  private _jobChanged = new Signal<this, Job>(this);
  private _ended = new Signal<this, Job>(this);
}

function asMlopsError(error: unknown): MlopsError {
  return error instanceof MlopsError
    ? error
    : new MlopsError(0, { code: 'unexpected', detail: String(error) });
}
