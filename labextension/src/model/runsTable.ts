import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { MlopsClient, MlopsError } from '../api/client';
import type { RunChanges, RunRow } from '../api/runs';
import { changeRun } from '../api/runs';
import { DefaultColumns } from './defaultColumns';
import { Questions } from './questions';
import type { IColumn } from './runColumns';
import { metricNames } from './runColumns';
import type { IRequest } from './runListing';
import { RunListing } from './runListing';
import { PAGE } from './runPages';
import type { ISelection } from './runSelection';
import { extend, NOTHING } from './runSelection';
import type { TableLine } from './runSections';
import { RunSections } from './runSections';
import type { IRunsView } from './runsView';
import { askedColumns, orderTexts } from './runsView';
import { Sparklines } from './sparklines';

/** Runs that a range of the selection can hold. */
export const RANGE_MOST = 1000;

/**
 * The runs of one experiment, or of all, as a person looks at them. Only the pages in sight are
 * asked for; what was there before stays until a new question has been answered.
 */
export class RunsTableModel implements IDisposable {
  constructor(
    readonly client: MlopsClient,
    /** The experiment's id; null: all. */
    readonly experiment: string | null,
    view: IRunsView
  ) {
    this._view = view;
    this._default = new DefaultColumns(experiment === null);
    this.sparklines = new Sparklines(client);
  }

  readonly sparklines: Sparklines;

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  get view(): IRunsView {
    return this._view;
  }

  /** Those that the person chose, or what the runs have. */
  get columns(): readonly IColumn[] {
    return this._view.columns ?? this._default.all;
  }

  get count(): number {
    return this._listing?.sections.count ?? 0;
  }

  /** Runs that match; null where the server doesn't count them. */
  get total(): number | null {
    return this._listing?.sections.total ?? null;
  }

  /** What is shown is grouped by. */
  get grouped(): string | null {
    return this._listing?.sections.by ?? null;
  }

  /** Whether the server left groups out. */
  get cut(): boolean {
    return this._listing?.sections.groups?.cut ?? false;
  }

  /** Whether only the newest of very many runs are grouped. */
  get newestOnly(): boolean {
    return this._listing?.sections.groups?.newest_only ?? false;
  }

  /** Whether there are runs that no group has counted yet. */
  get counting(): boolean {
    return this._listing?.sections.groups?.complete === false;
  }

  /** Whether runs are asked of a tracking server, which can't tell what is new. */
  get atServer(): boolean {
    return this._listing?.atServer ?? false;
  }

  /** Whether the words of the search were looked for in names only. */
  get onlyNames(): boolean {
    return this._listing?.wordsIn.join() === 'name';
  }

  /** Another number whenever other runs, or the same in another order, are shown. */
  get question(): number {
    return this._question;
  }

  get known(): boolean {
    return this._listing?.sections.known ?? false;
  }

  get loading(): boolean {
    return this._questions.waiting;
  }

  /** Why the view isn't shown, or why what is shown may be old. */
  get error(): MlopsError | null {
    return this._questions.error;
  }

  get selection(): ISelection {
    return this._selection;
  }

  /** Anything above changed. */
  get changed(): ISignal<this, void> {
    return this._changed;
  }

  /** The person looks at the runs in another way. */
  get viewChanged(): ISignal<this, IRunsView> {
    return this._viewChanged;
  }

  /** What was on the first line in sight is so many lines further down now. */
  get shifted(): ISignal<this, number> {
    return this._shifted;
  }

  line(index: number): TableLine | undefined {
    return this._listing?.sections.line(index);
  }

  run(index: number): RunRow | undefined {
    const line = this.line(index);
    return line?.kind === 'run' ? line.run : undefined;
  }

  indexOf(id: string): number {
    return this._listing?.sections.indexOf(id) ?? -1;
  }

  /** The line of the group that a line belongs to; -1 without groups. */
  groupLine(index: number): number {
    const sections = this._listing?.sections;
    const group = sections?.by != null ? sections.groupAt(index) : undefined;
    return group && sections ? sections.indexOfGroup(group.value) : -1;
  }

  /** Those of the runs that are here. */
  runs(ids: Iterable<string>): RunRow[] {
    const wanted = new Set(ids);
    return [...(this._listing?.sections.rows() ?? [])].filter(one => wanted.has(one.id));
  }

  select(selection: ISelection): void {
    if (selection.ids !== this._selection.ids) {
      this._ranges++;
    }
    this._selection = selection;
    this._changed.emit();
  }

  /**
   * Choose every run from one line to another, once they are here and unless something else has
   * been chosen meanwhile. `added`: besides those that are chosen.
   */
  async selectRange(from: number, to: number, added = false): Promise<void> {
    const range = ++this._ranges;
    const ids = await this.idsBetween(from, to);
    if (range === this._ranges && !this._isDisposed) {
      this.select(extend(this._selection, ids, added));
    }
  }

  toggleGroup(value: string | null, open?: boolean): void {
    this._listing?.sections.toggle(value, open);
    this._changed.emit();
    void this._fill();
  }

  setView(view: IRunsView): void {
    const before = this._view;
    this._view = view;
    this._viewChanged.emit(view);
    const asksAnew =
      view.filter !== before.filter ||
      view.group !== before.group ||
      JSON.stringify(view.order) !== JSON.stringify(before.order);
    const has = new Set(askedColumns(before.columns ?? this._default.all));
    const asksMore = askedColumns(this.columns).some(key => !has.has(key));
    this._changed.emit();
    if (asksAnew || asksMore) {
      void this.reload(!asksAnew);
    } else {
      this._wantLines();
    }
  }

  /** The lines that can be seen, and the columns. */
  setWindow(first: number, last: number, columns: readonly IColumn[]): void {
    this._window = { first, last };
    this._inSight = columns;
    if (this._listing) {
      void this._fill();
    }
  }

  /** Ask anew; `same`: for the same runs, of which what is here may stay until then. */
  async reload(same = false): Promise<void> {
    if (this._isDisposed) {
      return;
    }
    const number = this._questions.begin();
    const { filter, group } = this._view;
    const query = { experiment: this.experiment, filter, order: orderTexts(this._view) };
    const ask = async () => {
      const kept = same ? this._listing?.sections : undefined;
      kept?.age();
      const listing = new RunListing(this.client, query, kept ?? new RunSections(group));
      await this._lead(listing);
      if (this._questions.isLatest(number)) {
        if (!same) {
          this._question++;
        }
        this._listing = listing;
        this._questions.answered();
      }
    };
    await this._questions.ask(number, ask, error => {
      if (this._questions.isLatest(number)) {
        this._questions.refused(error);
      }
    });
    await this._fill();
    await this._count();
  }

  /** Look whether anything is new; false where only a full answer tells. */
  async look(): Promise<boolean> {
    const listing = this._listing;
    const { refusal } = this._questions;
    // What was refused stays so; what wasn't answered may be by now.
    const away = refusal !== null && !(refusal.status >= 400 && refusal.status < 500);
    if (!listing || away) {
      await this.reload();
      if (this.error) {
        throw this.error;
      }
      return !this.atServer;
    }
    const number = this._questions.latest;
    const { sections } = listing;
    const top = this._window.first;
    const held = this.run(top)?.id;
    const etag = listing.etag;
    let failed = null as MlopsError | null;
    await this._questions.ask(
      number,
      () => this._lead(listing, etag),
      error => {
        failed = error;
      }
    );
    if (failed) {
      throw failed;
    }
    if (listing.etag !== etag || etag === null) {
      this.sparklines.age();
      await this._fill();
      const now = held && top > 0 ? sections.indexOf(held) : -1;
      if (now >= 0 && now !== top && this._questions.isLatest(number)) {
        this._shifted.emit(now - top);
      }
    }
    await this._count();
    return listing.etag !== null && !listing.atServer;
  }

  /** Ids of the runs from one line to another, fetched where they aren't here. */
  async idsBetween(from: number, to: number): Promise<string[]> {
    const listing = this._listing;
    const step = to < from ? -1 : 1;
    const end = from + step * Math.min(Math.abs(to - from), RANGE_MOST - 1);
    const first = Math.min(from, end);
    const last = Math.max(from, end) + 1;
    if (!listing) {
      return [];
    }
    const { sections } = listing;
    const number = this._questions.latest;
    const request = this._request(number);
    const found = new Map<number, string>();
    const collect = () =>
      sections.runsBetween(first, last).forEach(([index, { id }]) => found.set(index, id));
    collect();
    // Each page is looked at as it comes: a long range is more than is kept.
    for (const wanted of sections.missing(first, last)) {
      await this._questions.ask(number, () => listing.askPage(wanted, request));
      collect();
    }
    return [...found.entries()].sort(([a], [b]) => a - b).map(([, id]) => id);
  }

  /** Change a run; what the table shows changes at once. */
  async change(id: string, changes: RunChanges): Promise<void> {
    const sections = this._listing?.sections;
    if (changes.favourite !== undefined && changes.favourite !== null) {
      sections?.change(id, { favourite: changes.favourite });
      this._changed.emit();
    }
    try {
      const { run } = await changeRun(this.client, id, changes);
      sections?.change(id, { favourite: run.favourite, note: run.note, name: run.name });
    } catch (error) {
      sections?.age();
      void this._fill();
      throw error;
    } finally {
      this._changed.emit();
    }
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this._questions.begin();
      this.sparklines.dispose();
      Signal.clearData(this);
    }
  }

  /** Ask what comes first: the groups, or the page in sight. */
  private async _lead(listing: RunListing, etag: string | null = null): Promise<void> {
    const number = this._questions.latest;
    if (listing.sections.by === null) {
      const request = this._request(number);
      const runs = await listing.askPageOf(this._window.first, request, etag);
      if (runs && !request.columns) {
        this._default.learn(runs);
      }
      return;
    }
    const metrics = metricNames(this.columns);
    await listing.askGroups(metrics, etag, () => this._questions.isLatest(number));
    if (!this._default.known && listing.sections.total) {
      this._default.learn(await listing.sample());
      if (this._default.known) {
        await this._lead(listing);
      }
    }
  }

  /** Have a tracking server's runs counted, a page with every request, until all are. */
  private async _count(): Promise<void> {
    const listing = this._listing;
    const number = this._questions.latest;
    while (listing && this.counting && this._questions.isLatest(number)) {
      const { etag } = listing;
      let failed = false;
      await this._questions.ask(
        number,
        () => this._lead(listing, etag),
        () => (failed = true)
      );
      // Nothing new, or nobody answers: the next look goes on.
      if (failed || listing.etag === etag) {
        break;
      }
    }
  }

  /** Fetch what the lines in sight lack, one page after the other. */
  private async _fill(): Promise<void> {
    if (this._filling) {
      this._again = true;
      return;
    }
    this._filling = true;
    try {
      do {
        this._again = false;
        const listing = this._listing;
        const { first, last } = this._window;
        const [wanted] = listing?.sections.missing(first, last) ?? [];
        if (listing && wanted) {
          const number = this._questions.latest;
          let failed = false;
          await this._questions.ask(
            number,
            () => listing.askPage(wanted, this._request(number)),
            () => (failed = true)
          );
          this._again = !failed;
        }
      } while (this._again && !this._isDisposed);
    } finally {
      this._filling = false;
    }
    this._wantLines();
  }

  private _request(number: number): IRequest {
    return {
      columns: this._default.asked(this._view.columns, (this.total ?? 0) <= PAGE),
      isWanted: () => this._questions.isLatest(number)
    };
  }

  private _wantLines(): void {
    if (!this._view.sparklines || this._isDisposed) {
      return;
    }
    const { first, last } = this._window;
    const runs = this._listing?.sections.runsBetween(first, last) ?? [];
    this.sparklines.want(
      runs.map(([, run]) => run),
      metricNames(this._inSight)
    );
  }

  private _view: IRunsView;
  private _listing: RunListing | null = null;
  private readonly _default: DefaultColumns;
  private readonly _questions = new Questions(() => {
    if (!this._isDisposed) {
      this._changed.emit();
    }
  });
  private _window = { first: 0, last: 50 };
  private _inSight: readonly IColumn[] = [];
  private _selection: ISelection = NOTHING;
  /** Another number whenever something is chosen, or is going to be. */
  private _ranges = 0;
  private _question = 0;
  private _filling = false;
  private _again = false;
  private _isDisposed = false;
  private _changed = new Signal<this, void>(this);
  private _viewChanged = new Signal<this, IRunsView>(this);
  private _shifted = new Signal<this, number>(this);
}
