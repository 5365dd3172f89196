import type { GroupList, RunGroup, RunRow } from '../api/runs';
import type { IPlace } from './runPages';
import { RunPages } from './runPages';

/** One line of the table; a run that isn't here yet has no `run`. */
export type TableLine =
  | { kind: 'run'; run?: RunRow; grouped: boolean }
  | { kind: 'group'; group: RunGroup; open: boolean };

/** A page that is needed, of which group. */
export interface IWanted extends IPlace {
  pages: RunPages;
  /** Undefined where runs aren't grouped. */
  value?: string | null;
}

/**
 * The lines of a table: runs, or groups of which some are open. Pure: tells what is missing.
 */
export class RunSections {
  /** @param by - What runs are grouped by; null: not at all. */
  constructor(readonly by: string | null) {}

  get groups(): GroupList | null {
    return this._groups;
  }

  /** Lines there are. */
  get count(): number {
    return this.by === null ? this._pages.count : this._starts[this._starts.length - 1];
  }

  /** Runs that match; null where that isn't known. */
  get total(): number | null {
    return this.by === null ? this._pages.total : (this._groups?.total ?? null);
  }

  get known(): boolean {
    return this.by === null ? this._pages.known : this._groups !== null;
  }

  setGroups(groups: GroupList): void {
    this._groups = groups;
    this._measure();
  }

  toggle(value: string | null, open = !this._open.has(value)): void {
    if (open) {
      this._open.set(value, this._open.get(value) ?? new RunPages());
    } else {
      this._open.delete(value);
    }
    this._measure();
  }

  line(index: number): TableLine | undefined {
    if (this.by === null) {
      return index < this._pages.count
        ? { kind: 'run', run: this._pages.row(index), grouped: false }
        : undefined;
    }
    const section = this._sectionOf(index);
    const group = this._groups?.groups[section];
    if (!group || index >= this.count) {
      return undefined;
    }
    const at = index - this._starts[section];
    const pages = this._open.get(group.value);
    return at === 0
      ? { kind: 'group', group, open: pages !== undefined }
      : { kind: 'run', run: pages?.row(at - 1), grouped: true };
  }

  /** The runs that are here on the lines from `first` to `last` (not included). */
  runsBetween(first: number, last: number): [number, RunRow][] {
    const found: [number, RunRow][] = [];
    for (let index = first; index < last; index++) {
      const line = this.line(index);
      if (line?.kind === 'run' && line.run) {
        found.push([index, line.run]);
      }
    }
    return found;
  }

  /** The line of a group. */
  indexOfGroup(value: string | null): number {
    const at = this._groups?.groups.findIndex(group => group.value === value) ?? -1;
    return at < 0 ? -1 : this._starts[at];
  }

  /** The group that a line belongs to. */
  groupAt(index: number): RunGroup | undefined {
    return this._groups?.groups[this._sectionOf(index)];
  }

  /** The line of a run that is here. */
  indexOf(id: string): number {
    if (this.by === null) {
      return this._pages.indexOf(id);
    }
    for (const [section, group] of (this._groups?.groups ?? []).entries()) {
      const at = this._open.get(group.value)?.indexOf(id) ?? -1;
      if (at >= 0) {
        return this._starts[section] + 1 + at;
      }
    }
    return -1;
  }

  /** Pages that the lines from `first` to `last` (not included) need. */
  missing(first: number, last: number): IWanted[] {
    if (this.by === null) {
      return this._pages
        .missing(first, last)
        .map(place => ({ ...place, pages: this._pages }));
    }
    const found: IWanted[] = [];
    const groups = this._groups?.groups ?? [];
    for (let section = this._sectionOf(first); section < groups.length; section++) {
      const start = this._starts[section];
      if (start >= last) {
        break;
      }
      const { value } = groups[section];
      const pages = this._open.get(value);
      pages
        ?.missing(first - start - 1, last - start - 1)
        .forEach(place => found.push({ ...place, pages, value }));
    }
    return found;
  }

  /** The page that a line is on, where runs aren't grouped. */
  pageOf(index: number, size: number): IWanted {
    const page = Math.floor(Math.max(0, Math.min(index, this.count - 1)) / size);
    return { ...(this._pages.place(page) ?? { page: 0 }), pages: this._pages };
  }

  /** Lines of groups have changed with their pages. */
  remeasure(): void {
    this._measure();
  }

  age(): void {
    this._pages.age();
    this._open.forEach(pages => pages.age());
  }

  change(id: string, changes: Partial<RunRow>): void {
    this._pages.change(id, changes);
    this._open.forEach(pages => pages.change(id, changes));
  }

  /** Every run that is here. */
  *rows(): Generator<RunRow> {
    for (const pages of [this._pages, ...this._open.values()]) {
      for (const [, row] of pages.rows()) {
        yield row;
      }
    }
  }

  private _sectionOf(index: number): number {
    let low = 0;
    let high = this._starts.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this._starts[middle] <= index) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return low;
  }

  private _measure(): void {
    let at = 0;
    this._starts = [0];
    for (const { value, count } of this._groups?.groups ?? []) {
      const pages = this._open.get(value);
      at += 1 + (pages ? (pages.known ? pages.count : count) : 0);
      this._starts.push(at);
    }
  }

  private _pages = new RunPages();
  private _groups: GroupList | null = null;
  private _open = new Map<string | null, RunPages>();
  /** The line of each group, and the number of all lines behind the last. */
  private _starts: number[] = [0];
}
