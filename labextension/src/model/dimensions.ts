import type { Comparison } from '../api/comparison';
import type { IDimension } from '../charts/dimension';
import { asNumber, byName } from './differences';
import type { Section } from './differences';

/** What runs differ in and what can be drawn: parameters first, then metrics, each by name. */
export function dimensionsOf(comparison: Comparison): IDimension[] {
  const names = new Map<string, number>();
  for (const { key } of [...comparison.params, ...comparison.metrics]) {
    names.set(key, (names.get(key) ?? 0) + 1);
  }
  return (['params', 'metrics'] as const).flatMap(section =>
    [...comparison[section]]
      .sort((one, other) => byName(one.key, other.key))
      .map(({ key, values }) => {
        const numbers = values.map(value => asNumber(value));
        const numeric =
          values.some(value => value !== null) &&
          values.every((value, index) => value === null || numbers[index] !== null);
        return {
          key: `${section}.${key}`,
          name: (names.get(key) ?? 0) > 1 ? `${key} ${SUFFIX[section]}` : key,
          numeric,
          values: numeric ? numbers : values.map(value => value && String(value))
        };
      })
  );
}

/** Tells a parameter from a metric of the same name. */
const SUFFIX: Record<Extract<Section, 'params' | 'metrics'>, string> = {
  params: '(p)',
  metrics: '(m)'
};

const AXES = 8;

/** The axes to begin with: what was varied, and what came of it; what the machine measured not. */
export function firstAxes(dimensions: readonly IDimension[]): string[] {
  const params = dimensions.filter(({ key }) => key.startsWith('params.'));
  const metrics = resultsFirst(dimensions);
  const few = metrics.slice(0, Math.max(3, AXES - params.length));
  return [...params.slice(0, AXES - Math.min(3, few.length)), ...few]
    .slice(0, AXES)
    .map(({ key }) => key);
}

/** What a scatter chart begins with: a parameter that is a number, against a metric. */
export function firstPair(dimensions: readonly IDimension[]): [string, string] | null {
  const params = dimensions.filter(({ key }) => key.startsWith('params.'));
  const x = params.find(({ numeric }) => numeric) ?? params[0] ?? dimensions[0];
  const y = resultsFirst(dimensions)[0] ?? dimensions[dimensions.length - 1];
  return x && y ? [x.key, y.key] : null;
}

/** What is measured on data that was not trained on says most about a run. */
const RESULTS: readonly RegExp[] = [
  /(^|\W|_)test/i,
  /(^|\W|_)(val|valid|eval)/i,
  /acc|score|auc|f1|loss/i
];

/** Metrics, those first that tell how good a run is; not what repeats a parameter. */
function resultsFirst(dimensions: readonly IDimension[]): IDimension[] {
  const params = new Set(dimensions.map(({ key }) => key.replace(/^params\./, '')));
  const rank = (key: string) => {
    const found = RESULTS.findIndex(pattern => pattern.test(key));
    return found < 0 ? RESULTS.length : found;
  };
  return dimensions
    .filter(
      ({ key }) =>
        key.startsWith('metrics.') &&
        !key.startsWith('metrics.system/') &&
        !params.has(key.replace(/^metrics\./, ''))
    )
    .map((one, index) => ({ one, index, rank: rank(one.key.replace(/^metrics\./, '')) }))
    .sort((one, other) => one.rank - other.rank || one.index - other.index)
    .map(({ one }) => one);
}
