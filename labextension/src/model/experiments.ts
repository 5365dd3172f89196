import { Debouncer } from '@lumino/polling';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { MlopsClient } from '../api/client';
import { MlopsError } from '../api/client';
import type { Experiment, ExperimentChanges } from '../api/experiments';
import { changeExperiment, listExperiments } from '../api/experiments';
import type { RunChanges, RunList, RunRow } from '../api/runs';
import { changeRun, getRuns } from '../api/runs';

const PAGE = 100;
/** Runs below an open experiment, and those that a search finds. */
const NEWEST = 8;
const FOUND = 50;
const SETTLED_MS = 300;
/** Characters; the server's own limit for names of experiments. */
const WORDS_MOST = 500;

/** One line of the panel. */
export type ExperimentLine =
  | { kind: 'experiment'; key: string; experiment: Experiment; open: boolean }
  | { kind: 'run'; key: string; run: RunRow; found: boolean }
  | { kind: 'all'; key: string; experiment: Experiment | null; count: number | null }
  | { kind: 'loading'; key: string }
  | { kind: 'heading'; key: string; what: 'experiments' | 'runs'; count: number | null };

interface IFound {
  text: string;
  experiments: readonly Experiment[];
  total: number | null;
  next: string | null;
  atServer: boolean;
  /** Null where nothing is looked for. */
  runs: RunList | null;
}

/**
 * The experiments, the newest runs of those that are open, and what a search finds. What was found
 * last stays while another search is under way or was refused.
 */
export class ExperimentsModel implements IDisposable {
  constructor(readonly client: MlopsClient) {
    this._search = new Debouncer(() => this.refresh(), SETTLED_MS);
  }

  get isDisposed(): boolean {
    return this._search.isDisposed;
  }

  /** What the person looks for. */
  get text(): string {
    return this._text;
  }

  get known(): boolean {
    return this._shown !== null;
  }

  get loading(): boolean {
    return this._loading > 0;
  }

  get error(): MlopsError | null {
    return this._error;
  }

  /** Whether all is asked of a tracking server, which can't tell what is new. */
  get atServer(): boolean {
    return this._shown?.atServer ?? false;
  }

  get hasMore(): boolean {
    return !!this._shown?.next;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** What the panel shows, in order. */
  get lines(): readonly ExperimentLine[] {
    return this._lines;
  }

  experiment(id: string): Experiment | undefined {
    return this._shown?.experiments.find(one => one.id === id);
  }

  setText(text: string, now = false): void {
    this._text = text;
    this._changed.emit();
    if (now) {
      void this.refresh();
    } else {
      void this._search.invoke();
    }
  }

  /** Show the newest runs of an experiment, or no longer. */
  toggle(id: string, open = !this._open.has(id)): void {
    if (open) {
      this._open.set(id, this._open.get(id) ?? null);
      void this._runsOf(id);
    } else {
      this._open.delete(id);
    }
    this._arrange();
  }

  /** Ask for everything anew; why it doesn't come is shown. */
  async refresh(): Promise<void> {
    this._etag = null;
    try {
      await this.look();
    } catch (error) {
      if (!(error instanceof MlopsError)) {
        throw error;
      }
    }
  }

  /**
   * Look whether anything is new; false where only a full answer tells. Throws an MlopsError where
   * nobody answers, so that the next look comes later.
   */
  async look(): Promise<boolean> {
    if (this.isDisposed) {
      return true;
    }
    const generation = ++this._generation;
    const text = this._text.trim();
    const before = this._shown;
    const same = before?.text === text;
    const etag = same ? this._etag : null;
    this._loading++;
    this._changed.emit();
    try {
      const limit = same ? Math.max(PAGE, before.experiments.length) : PAGE;
      const query = { words: text.slice(0, WORDS_MOST), limit: Math.min(limit, 500) };
      const experiments = await listExperiments(this.client, query, etag);
      // Whatever is new to one is new to the other: both have the version of the store.
      const runs =
        text && experiments
          ? await getRuns(this.client, { filter: text, limit: FOUND, columns: [] })
          : null;
      if (generation !== this._generation) {
        return true;
      }
      this._error = null;
      if (experiments) {
        this._etag = experiments.etag;
        this._shown = {
          text,
          experiments: experiments.value.experiments,
          total: experiments.value.total ?? null,
          next: experiments.value.next ?? null,
          atServer: experiments.value.at_server,
          runs
        };
        await Promise.all([...this._open.keys()].map(id => this._runsOf(id)));
      }
      return this._etag !== null && !this.atServer;
    } catch (error) {
      if (!(error instanceof MlopsError)) {
        throw error;
      }
      if (generation === this._generation) {
        this._error = error;
      }
      if (error.status >= 400 && error.status < 500) {
        return true;
      }
      throw error;
    } finally {
      this._loading--;
      this._arrange();
    }
  }

  async loadMore(): Promise<void> {
    const shown = this._shown;
    if (!shown?.next || this._loading) {
      return;
    }
    this._loading++;
    try {
      const query = { words: shown.text, limit: PAGE, cursor: shown.next };
      const answer = await listExperiments(this.client, query);
      if (answer && this._shown === shown) {
        const known = new Set(shown.experiments.map(one => one.id));
        const further = answer.value.experiments.filter(one => !known.has(one.id));
        this._shown = {
          ...shown,
          experiments: [...shown.experiments, ...further],
          next: answer.value.next ?? null
        };
      }
    } catch (error) {
      if (!(error instanceof MlopsError)) {
        throw error;
      }
      this._error = error;
    } finally {
      this._loading--;
      this._arrange();
    }
  }

  async changeExperiment(id: string, changes: ExperimentChanges): Promise<void> {
    const changed = await changeExperiment(this.client, id, changes);
    if (this._shown) {
      const experiments = this._shown.experiments.map(one =>
        one.id === id ? changed : one
      );
      this._shown = { ...this._shown, experiments };
    }
    await this.refresh();
  }

  async changeRun(id: string, changes: RunChanges): Promise<void> {
    await changeRun(this.client, id, changes);
    await this.refresh();
  }

  dispose(): void {
    if (!this.isDisposed) {
      this._generation++;
      this._search.dispose();
      Signal.clearData(this);
    }
  }

  private async _runsOf(id: string): Promise<void> {
    const asked = ++this._asked;
    this._latest.set(id, asked);
    // Closed, or asked for again meanwhile.
    const isWanted = () => this._open.has(id) && this._latest.get(id) === asked;
    try {
      const list = await getRuns(this.client, {
        experiment: id,
        limit: NEWEST,
        columns: []
      });
      if (isWanted()) {
        this._open.set(id, list);
      }
    } catch (error) {
      if (!(error instanceof MlopsError)) {
        throw error;
      }
      if (!isWanted()) {
        return;
      }
      if (error.status === 404) {
        // Deleted meanwhile: the list will tell.
        this._open.delete(id);
      } else {
        this._error = error;
        // The next look asks for them as well, though nothing is new.
        this._etag = null;
      }
    }
    this._arrange();
  }

  private _arrange(): void {
    this._lines = this._shown ? linesOf(this._shown, this._open) : [];
    if (!this.isDisposed) {
      this._changed.emit();
    }
  }

  private _text = '';
  private _shown: IFound | null = null;
  private _open = new Map<string, RunList | null>();
  private _lines: readonly ExperimentLine[] = [];
  /** The request that was made last for the runs of each experiment. */
  private _latest = new Map<string, number>();
  private _asked = 0;
  private _etag: string | null = null;
  private _generation = 0;
  private _loading = 0;
  private _error: MlopsError | null = null;
  private _search: Debouncer;
  private _changed = new Signal<this, void>(this);
}

/** Lines of what was found. Pure. */
export function linesOf(
  found: Omit<IFound, 'next' | 'atServer'>,
  open: ReadonlyMap<string, RunList | null>
): ExperimentLine[] {
  const lines: ExperimentLine[] = [];
  const { runs, experiments } = found;
  if (runs && experiments.length) {
    lines.push({
      kind: 'heading',
      key: 'heading experiments',
      what: 'experiments',
      count: found.total
    });
  }
  for (const experiment of experiments) {
    const { id } = experiment;
    const isOpen = open.has(id);
    lines.push({ kind: 'experiment', key: `experiment ${id}`, experiment, open: isOpen });
    if (!isOpen) {
      continue;
    }
    const list = open.get(id);
    if (!list) {
      lines.push({ kind: 'loading', key: `loading ${id}` });
      continue;
    }
    for (const run of list.runs) {
      lines.push({ kind: 'run', key: `run ${id} ${run.id}`, run, found: false });
    }
    if (list.next || !list.runs.length) {
      lines.push({ kind: 'all', key: `all ${id}`, experiment, count: list.total ?? null });
    }
  }
  if (runs) {
    lines.push({
      kind: 'heading',
      key: 'heading runs',
      what: 'runs',
      count: runs.total ?? null
    });
    for (const run of runs.runs) {
      lines.push({ kind: 'run', key: `found ${run.id}`, run, found: true });
    }
    if (runs.runs.length) {
      lines.push({
        kind: 'all',
        key: 'all found',
        experiment: null,
        count: runs.total ?? null
      });
    }
  }
  return lines;
}
