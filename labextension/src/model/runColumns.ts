import type { TranslationBundle } from '@jupyterlab/translation';

import type { MetricValue, RunRow } from '../api/runs';

/** What of a run a column shows; the rest of its key is a name, which may hold anything. */
export type ColumnKind = 'metrics' | 'params' | 'tags' | 'attributes';

export interface IColumn {
  /** As the API names it: `metrics.acc`. */
  readonly key: string;
  /** Pixels. */
  readonly width: number;
}

/** Attributes that can be columns; those that the server can order by have its name for them. */
export const ATTRIBUTES = {
  start_time: { order: 'attributes.start_time', width: 104 },
  duration: { order: null, width: 112 },
  end_time: { order: 'attributes.end_time', width: 120 },
  status: { order: 'attributes.status', width: 100 },
  user_id: { order: 'attributes.user_id', width: 110 },
  experiment: { order: null, width: 150 },
  notebook: { order: 'tags.mlops.notebook', width: 180 },
  commit: { order: 'tags.mlflow.source.git.commit', width: 96 },
  reproducible: { order: 'tags.mlops.reproducible', width: 110 },
  note: { order: null, width: 220 },
  run_id: { order: 'attributes.run_id', width: 120 }
} as const;

export type Attribute = keyof typeof ATTRIBUTES;

const WIDTHS: Record<ColumnKind, number> = {
  metrics: 144,
  params: 96,
  tags: 120,
  attributes: 120
};
export const NARROWEST = 48;
export const WIDEST = 800;
const MOST_METRICS = 6;
const MOST_PARAMS = 4;
const SHOWN_DIGITS = 5;

export function kindOf(key: string): ColumnKind {
  return key.slice(0, key.indexOf('.')) as ColumnKind;
}

export function nameOf(key: string): string {
  return key.slice(key.indexOf('.') + 1);
}

/** The metrics among columns, by their names. */
export function metricNames(columns: readonly IColumn[]): string[] {
  return columns
    .map(one => one.key)
    .filter(key => kindOf(key) === 'metrics')
    .map(nameOf);
}

/** Whether a key is one that a column can have. */
export function isColumnKey(key: string): boolean {
  const kind = kindOf(key);
  return kind === 'attributes'
    ? Object.hasOwn(ATTRIBUTES, nameOf(key))
    : Object.hasOwn(WIDTHS, kind) && !!nameOf(key);
}

export function column(key: string): IColumn {
  const kind = kindOf(key);
  const width =
    kind === 'attributes' ? ATTRIBUTES[nameOf(key) as Attribute].width : WIDTHS[kind];
  return { key, width };
}

/** What the server orders by; null where it can't. */
export function orderKey(key: string): string | null {
  return kindOf(key) === 'attributes' ? ATTRIBUTES[nameOf(key) as Attribute].order : key;
}

/** Columns for somebody who has chosen none: what these runs have. */
export function defaultColumns(rows: readonly RunRow[], everywhere: boolean): IColumn[] {
  const found = everywhere ? ['attributes.experiment'] : [];
  found.push('attributes.start_time', 'attributes.duration');
  const metrics = [...countOf(rows.map(row => row.metrics))]
    // The machine's own are of less interest than what a person has logged.
    .sort(([a, m], [b, n]) => +isSystem(a) - +isSystem(b) || n - m || compare(a, b))
    .filter(([name]) => !isSystem(name))
    .slice(0, MOST_METRICS);
  const params = countOf(rows.map(row => row.params));
  const differing = [...params]
    .sort(
      ([a, m], [b, n]) => +differs(rows, b) - +differs(rows, a) || n - m || compare(a, b)
    )
    .slice(0, MOST_PARAMS);
  found.push(...differing.map(([name]) => `params.${name}`));
  found.push(...metrics.map(([name]) => `metrics.${name}`));
  return found.map(column);
}

function isSystem(name: string): boolean {
  return name.startsWith('system/');
}

function differs(rows: readonly RunRow[], param: string): boolean {
  return rows.some(row => row.params[param] !== rows[0].params[param]);
}

function countOf(values: readonly object[]): Map<string, number> {
  const found = new Map<string, number>();
  for (const one of values) {
    for (const name of Object.keys(one)) {
      found.set(name, (found.get(name) ?? 0) + 1);
    }
  }
  return found;
}

export function compare(a: string, b: string): number {
  return a.localeCompare(b, undefined, { numeric: true });
}

/** The columns with one moved to another place; places are those before it is taken out. */
export function moved<T>(columns: readonly T[], from: number, to: number): T[] {
  const next = [...columns];
  const [one] = next.splice(from, 1);
  next.splice(to > from ? to - 1 : to, 0, one);
  return next;
}

export function resized(
  columns: readonly IColumn[],
  key: string,
  width: number
): IColumn[] {
  const kept = Math.round(Math.min(Math.max(width, NARROWEST), WIDEST));
  return columns.map(one => (one.key === key ? { ...one, width: kept } : one));
}

/** The columns with one more, or without it when it is there. */
export function toggled(columns: readonly IColumn[], key: string): IColumn[] {
  return columns.some(one => one.key === key)
    ? columns.filter(one => one.key !== key)
    : [...columns, column(key)];
}

/** Which columns are in sight: the first, the one behind the last, and what lies left and right. */
export function inSight(
  columns: readonly IColumn[],
  left: number,
  width: number
): { first: number; last: number; before: number; after: number } {
  let at = 0;
  let first = 0;
  let before = 0;
  while (first < columns.length && at + columns[first].width <= left) {
    at += columns[first].width;
    before = at;
    first++;
  }
  let last = first;
  while (last < columns.length && at < left + width) {
    at += columns[last].width;
    last++;
  }
  const after = columns.slice(last).reduce((sum, one) => sum + one.width, 0);
  return { first, last, before, after };
}

/** A metric's value, short. */
export function formatMetric(
  value: MetricValue | undefined | null,
  digits = SHOWN_DIGITS
): string {
  if (value === undefined || value === null) {
    return '';
  }
  if (typeof value !== 'number') {
    return value === 'NaN' ? 'NaN' : value === 'Infinity' ? '∞' : '−∞';
  }
  if (Number.isInteger(value) && Math.abs(value) < 1e9) {
    return String(value);
  }
  const size = Math.abs(value);
  return size >= 1e6 || size < 1e-4
    ? value.toExponential(Math.min(digits - 2, 3))
    : String(Number(value.toPrecision(digits)));
}

/** Guessed from a metric's name; a person's order says it better. */
export function lowerIsBetter(name: string): boolean {
  return /(^|[^a-z])(loss|err|error|mse|rmse|mae|mape|nll|perplexity|ppl|wer|cer|fid|time|latency|duration)([^a-z]|$)/i.test(
    name
  );
}

/** What a column is called. */
export function columnLabel(key: string, trans: TranslationBundle): string {
  if (kindOf(key) !== 'attributes') {
    return nameOf(key);
  }
  switch (nameOf(key) as Attribute) {
    case 'start_time':
      return trans.__('Started');
    case 'duration':
      return trans.__('Duration');
    case 'end_time':
      return trans.__('Ended');
    case 'status':
      return trans.__('Status');
    case 'user_id':
      return trans.__('User');
    case 'experiment':
      return trans.__('Experiment');
    case 'notebook':
      return trans.__('Notebook');
    case 'commit':
      return trans.__('Commit');
    case 'reproducible':
      return trans.__('Reproducible');
    case 'note':
      return trans.__('Note');
    case 'run_id':
      return trans.__('Run ID');
  }
}

export function kindLabel(kind: ColumnKind, trans: TranslationBundle): string {
  switch (kind) {
    case 'metrics':
      return trans.__('Metrics');
    case 'params':
      return trans.__('Parameters');
    case 'tags':
      return trans.__('Tags');
    case 'attributes':
      return trans.__('Attributes');
  }
}
