import type { MetricSummary } from '../api/types';

/** Metrics whose names begin alike: `train/loss` and `train/acc`. */
export interface IMetricGroup {
  /** Empty: those without a prefix. */
  readonly name: string;
  /** Drawn as curves. */
  readonly curves: readonly MetricSummary[];
  /** Logged once only: a number says it all. */
  readonly values: readonly MetricSummary[];
}

/** What the runner and MLflow sample of the machine: last, and of less interest. */
export const SYSTEM = 'system';

export function groupMetrics(
  metrics: Iterable<MetricSummary>,
  words = ''
): readonly IMetricGroup[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const groups = new Map<string, { curves: MetricSummary[]; values: MetricSummary[] }>();
  for (const metric of metrics) {
    const key = metric.key.toLowerCase();
    if (!wanted.every(word => key.includes(word))) {
      continue;
    }
    const name = prefixOf(metric.key);
    let group = groups.get(name);
    if (!group) {
      groups.set(name, (group = { curves: [], values: [] }));
    }
    (metric.points === 1 ? group.values : group.curves).push(metric);
  }
  return [...groups]
    .map(([name, group]) => ({ name, ...group }))
    .sort(
      (one, other) => rank(one.name) - rank(other.name) || compare(one.name, other.name)
    );
}

export function prefixOf(key: string): string {
  const at = key.lastIndexOf('/');
  return at > 0 ? key.slice(0, at) : '';
}

/** What follows a group's name in a metric's. */
export function restOf(key: string): string {
  const prefix = prefixOf(key);
  return prefix ? key.slice(prefix.length + 1) : key;
}

function rank(name: string): number {
  if (name === SYSTEM || name.startsWith(`${SYSTEM}/`)) {
    return 2;
  }
  return name === '' ? 0 : 1;
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
