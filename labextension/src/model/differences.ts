import type { ComparedDetail, Comparison } from '../api/comparison';

export type Section = 'params' | 'metrics' | 'attributes' | 'tags' | 'packages';
export const SECTIONS: readonly Section[] = [
  'params',
  'metrics',
  'attributes',
  'tags',
  'packages'
];

/** A number, a text, or the word for what JSON has no number for. */
export type Value = number | string | null;

/** One thing of all runs, as a line of the table. */
export interface IComparedRow {
  readonly section: Section;
  readonly key: string;
  /** In the order of the runs; null where a run has none. */
  readonly values: readonly Value[];
  readonly same: boolean;
  /** The values as numbers, where all of them are; null for those that are missing. */
  readonly numbers: readonly (number | null)[] | null;
}

/** The rows of a comparison; with `details` also what is the same in all runs. */
export function comparedRows(
  comparison: Comparison,
  details: ReadonlyMap<string, ComparedDetail> | null
): IComparedRow[] {
  return SECTIONS.flatMap(section => {
    const rows = comparison[section].map(({ key, values }) =>
      row(section, key, values, false)
    );
    if (details) {
      const known = new Set(rows.map(({ key }) => key));
      const runs = comparison.runs.map(({ id }) => details.get(id));
      const first = runs[0] ? valuesOf(runs[0], section) : {};
      for (const [key, value] of Object.entries(first)) {
        if (!known.has(key)) {
          rows.push(
            row(
              section,
              key,
              runs.map(() => value),
              true
            )
          );
        }
      }
    }
    return rows.sort((one, other) => byName(one.key, other.key));
  });
}

/** Names in the order of people: epoch2 before epoch10, what the machine measures last. */
export function byName(one: string, other: string): number {
  const own = (name: string) => Number(name.startsWith('system/'));
  return own(one) - own(other) || NAMES.compare(one, other);
}

const NAMES = new Intl.Collator(undefined, { numeric: true });

/** Names of all metrics that any of the runs has. */
export function metricNames(details: Iterable<ComparedDetail>): string[] {
  const names = new Set<string>();
  for (const { metrics } of details) {
    metrics.forEach(({ key }) => names.add(key));
  }
  return [...names].sort(byName);
}

/** What a value is more than the baseline's, and what part of it that is; null without numbers. */
export function difference(
  row: IComparedRow,
  index: number,
  baseline: number
): { absolute: number; relative: number | null } | null {
  const value = row.numbers?.[index];
  const base = row.numbers?.[baseline];
  if (
    index === baseline ||
    value === null ||
    value === undefined ||
    base === null ||
    base === undefined
  ) {
    return null;
  }
  const absolute = value - base;
  if (!Number.isFinite(absolute)) {
    return null;
  }
  return { absolute, relative: base ? absolute / Math.abs(base) : null };
}

/** A parameter's text as a number; null where it is none. */
export function asNumber(value: Value): number | null {
  if (typeof value === 'number') {
    return value;
  }
  if (value === null || !/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value.trim())) {
    return NUMERALS.get(value ?? '') ?? null;
  }
  return Number(value);
}

const NUMERALS = new Map([
  ['NaN', NaN],
  ['nan', NaN],
  ['Infinity', Infinity],
  ['inf', Infinity],
  ['-Infinity', -Infinity],
  ['-inf', -Infinity]
]);

function row(
  section: Section,
  key: string,
  values: readonly Value[],
  same: boolean
): IComparedRow {
  const numeric = section === 'metrics' || section === 'params';
  const there = values.filter(value => value !== null);
  const numbers =
    numeric && there.length && there.every(value => asNumber(value) !== null)
      ? values.map(asNumber)
      : null;
  return { section, key, values, same, numbers };
}

function valuesOf(
  { run, metrics }: ComparedDetail,
  section: Section
): Record<string, Value> {
  switch (section) {
    case 'params':
      return run.params;
    case 'metrics':
      return Object.fromEntries(metrics.map(({ key, last }) => [key, last]));
    case 'tags':
      return run.tags;
    case 'attributes':
      return { status: run.status, experiment: run.experiment, user: run.user };
    case 'packages':
      // A run's answer doesn't tell them; the comparison counts those that are the same.
      return {};
  }
}
