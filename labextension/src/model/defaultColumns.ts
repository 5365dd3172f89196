import type { RunRow } from '../api/runs';
import type { IColumn } from './runColumns';
import { defaultColumns } from './runColumns';
import { askedColumns } from './runsView';

/** Columns that come by themselves. */
const MOST = 14;

/** The columns of a table for which nobody has chosen any: what its runs have. */
export class DefaultColumns {
  /** @param anywhere - Whether the runs are of several experiments. */
  constructor(private readonly _anywhere: boolean) {}

  get all(): readonly IColumn[] {
    return this._all;
  }

  /** Whether runs have been seen. */
  get known(): boolean {
    return this._all.length > 0;
  }

  /** Columns that were there before stay where they are. */
  learn(runs: readonly RunRow[]): void {
    const found = defaultColumns(runs, this._anywhere);
    if (!this.known) {
      this._all = runs.length ? found : [];
      return;
    }
    const known = new Set(this._all.map(one => one.key));
    const further = found.filter(one => !known.has(one.key));
    if (further.length && known.size < MOST) {
      this._all = [...this._all, ...further].slice(0, MOST);
    }
  }

  /**
   * What is asked of each run; undefined: all that it has. Of few runs that is so as long as nobody
   * has chosen columns: what a run has yet to log may become one.
   */
  asked(chosen: readonly IColumn[] | null, few: boolean): string[] | undefined {
    if (chosen === null && (few || !this.known)) {
      return undefined;
    }
    return askedColumns(chosen ?? this._all);
  }

  private _all: readonly IColumn[] = [];
}
