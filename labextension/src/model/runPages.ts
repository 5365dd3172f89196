import type { RunList, RunRow } from '../api/runs';

/** Runs of one page. */
export const PAGE = 100;
/** Pages that are kept; of ten thousand runs the browser holds a small part. */
const MOST_KEPT = 12;

/** Where a page is asked for: behind the page before it, or, after a jump, so many runs down. */
export interface IPlace {
  page: number;
  cursor?: string;
  offset?: number;
}

/**
 * Runs of a listing, of which only some pages are here. Pure: what is missing is told, not fetched.
 */
export class RunPages {
  /** Rows there are, as far as is known; at a server that doesn't count, those up to here. */
  get count(): number {
    if (this._total !== null) {
      return this._total;
    }
    return this._reached + (this._more ? 1 : 0);
  }

  /** How many runs match; null where the server doesn't count. */
  get total(): number | null {
    return this._total;
  }

  /** Whether an answer has come. */
  get known(): boolean {
    return this._known;
  }

  row(index: number): RunRow | undefined {
    return this._pages.get(Math.floor(index / PAGE))?.[index % PAGE];
  }

  /** Every row that is here, in order. */
  *rows(): Generator<[number, RunRow]> {
    for (const [page, rows] of [...this._pages].sort(([a], [b]) => a - b)) {
      for (const [at, row] of rows.entries()) {
        yield [page * PAGE + at, row];
      }
    }
  }

  indexOf(id: string): number {
    for (const [index, row] of this.rows()) {
      if (row.id === id) {
        return index;
      }
    }
    return -1;
  }

  /** Pages that rows from `first` to `last` (not included) need and that aren't here, or are old. */
  missing(first: number, last: number): IPlace[] {
    if (!this._known) {
      // How many there are is told with the first.
      return last > 0 ? [{ page: 0 }] : [];
    }
    const found: IPlace[] = [];
    const end = this.count;
    for (
      let page = Math.floor(Math.max(first, 0) / PAGE);
      page * PAGE < Math.min(last, end);
      page++
    ) {
      if (!this._pages.has(page) || this._old.has(page)) {
        const place = this.place(page);
        if (place) {
          found.push(place);
        }
      }
    }
    return found;
  }

  /** How a page is asked for; null where nothing leads to it yet. */
  place(page: number): IPlace | null {
    if (page === 0) {
      return { page };
    }
    const cursor = this._next.get(page - 1);
    // An old page's cursor would leave a gap beside what is new.
    if (cursor && (!this._old.has(page - 1) || this._total === null)) {
      return { page, cursor };
    }
    return this._total === null ? null : { page, offset: page * PAGE };
  }

  /** Take a page; those far from it are let go when there are too many. */
  put(page: number, list: RunList): void {
    this._known = true;
    this._total = list.total ?? null;
    this._pages.set(page, list.runs);
    this._old.delete(page);
    if (list.next) {
      this._next.set(page, list.next);
    } else {
      this._next.delete(page);
    }
    const reached = page * PAGE + list.runs.length;
    if (!list.next) {
      this._reached = reached;
      this._more = false;
      [...this._pages.keys()].filter(one => one > page).forEach(one => this._drop(one));
    } else if (reached >= this._reached) {
      this._reached = reached;
      this._more = true;
    }
    const far = [...this._pages.keys()].sort(
      (a, b) => Math.abs(b - page) - Math.abs(a - page)
    );
    far.slice(0, Math.max(0, far.length - MOST_KEPT)).forEach(one => this._drop(one));
  }

  /** Something has changed: what is here is shown until it has been asked for again. */
  age(): void {
    this._old = new Set(this._pages.keys());
  }

  /** Change a run in place, until the server tells it itself. */
  change(id: string, changes: Partial<RunRow>): void {
    for (const rows of this._pages.values()) {
      const at = rows.findIndex(row => row.id === id);
      if (at >= 0) {
        rows[at] = { ...rows[at], ...changes };
      }
    }
  }

  private _drop(page: number): void {
    this._pages.delete(page);
    this._old.delete(page);
    if (this._total !== null) {
      this._next.delete(page);
    }
  }

  private _pages = new Map<number, RunRow[]>();
  /** Cursors behind pages; kept where nothing else leads to the next page. */
  private _next = new Map<number, string>();
  private _old = new Set<number>();
  private _total: number | null = null;
  private _reached = 0;
  private _more = false;
  private _known = false;
}
