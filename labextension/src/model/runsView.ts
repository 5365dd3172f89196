import type { PartialJSONObject } from '@lumino/coreutils';

import type { IColumn } from './runColumns';
import { column, isColumnKey, NARROWEST, orderKey, WIDEST } from './runColumns';

export interface IOrder {
  /** The column's key. */
  readonly key: string;
  readonly descending: boolean;
}

/** How a person looks at runs: what is saved under a name, and kept for a table. */
export interface IRunsView {
  readonly filter: string;
  readonly order: readonly IOrder[];
  /** Null: not chosen; the table shows what the runs have. */
  readonly columns: readonly IColumn[] | null;
  /** What runs are grouped by: `params.lr`, `tags.team`, `attributes.status`. */
  readonly group: string | null;
  readonly sparklines: boolean;
  /** Pixels of the first column, which stays in sight. */
  readonly nameWidth: number;
}

/** The server's own limit. */
const MOST_ORDERS = 5;

export const NEW_VIEW: IRunsView = {
  filter: '',
  order: [],
  columns: null,
  group: null,
  sparklines: true,
  nameWidth: 240
};

/**
 * What a click on a column's head makes of the order: metrics begin with the greatest, all else
 * with the least; the third click ends it. `further` keeps the columns before it.
 */
export function ordered(view: IRunsView, key: string, further: boolean): IRunsView {
  if (orderKey(key) === null) {
    return view;
  }
  const first = key.startsWith('metrics.') || key === 'attributes.start_time';
  const known = view.order.find(one => one.key === key);
  const kept = further ? view.order.filter(one => one.key !== key) : [];
  if (!known) {
    return { ...view, order: [...kept, { key, descending: first }].slice(-MOST_ORDERS) };
  }
  if (known.descending === first) {
    const turned = { key, descending: !first };
    const order = further
      ? view.order.map(one => (one.key === key ? turned : one))
      : [turned];
    return { ...view, order };
  }
  return { ...view, order: kept };
}

/** The order as the API takes it. */
export function orderTexts(view: IRunsView): string[] {
  return view.order.flatMap(({ key, descending }) => {
    const by = orderKey(key);
    return by === null ? [] : [`${by}:${descending ? 'desc' : 'asc'}`];
  });
}

/** The columns that have to be asked for; attributes are in every row. */
export function askedColumns(columns: readonly IColumn[]): string[] {
  return columns.map(one => one.key).filter(key => !key.startsWith('attributes.'));
}

export function viewToJSON(view: IRunsView): PartialJSONObject {
  return {
    filter: view.filter,
    order: view.order.map(one => ({ ...one })),
    columns: view.columns?.map(one => ({ ...one })) ?? null,
    group: view.group,
    sparklines: view.sparklines,
    nameWidth: view.nameWidth
  };
}

/** What was saved, as far as it can be used: it may be of another version, or edited by hand. */
export function viewFromJSON(saved: unknown): IRunsView {
  const given = isObject(saved) ? saved : {};
  const columns = Array.isArray(given.columns) ? given.columns.flatMap(readColumn) : null;
  return {
    filter: typeof given.filter === 'string' ? given.filter : '',
    order: Array.isArray(given.order) ? given.order.flatMap(readOrder) : [],
    columns: columns && distinct(columns),
    group: typeof given.group === 'string' && canGroup(given.group) ? given.group : null,
    sparklines: given.sparklines !== false,
    nameWidth: isWidth(given.nameWidth) ? given.nameWidth : NEW_VIEW.nameWidth
  };
}

/** Whether two views look the same. */
export function sameView(one: IRunsView, other: IRunsView): boolean {
  return JSON.stringify(viewToJSON(one)) === JSON.stringify(viewToJSON(other));
}

/** Whether the server can group runs by a column. */
export function canGroup(key: string): boolean {
  return /^(params|tags)\../s.test(key) || key === 'attributes.status';
}

function readColumn(given: unknown): IColumn[] {
  if (!isObject(given) || typeof given.key !== 'string' || !isColumnKey(given.key)) {
    return [];
  }
  const { key, width } = given;
  return [isWidth(width) ? { key, width } : column(key)];
}

function readOrder(given: unknown): IOrder[] {
  return isObject(given) && typeof given.key === 'string' && isColumnKey(given.key)
    ? [{ key: given.key, descending: given.descending === true }]
    : [];
}

function distinct(columns: readonly IColumn[]): IColumn[] {
  return columns.filter((one, at) => columns.findIndex(c => c.key === one.key) === at);
}

function isWidth(given: unknown): given is number {
  return typeof given === 'number' && given >= NARROWEST && given <= WIDEST;
}

function isObject(given: unknown): given is Record<string, unknown> {
  return typeof given === 'object' && given !== null && !Array.isArray(given);
}
