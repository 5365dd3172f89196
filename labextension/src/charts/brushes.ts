/** Parts of axes that were marked, by key: from 0 (the axis' begin) to 1. */
export type Brushes = ReadonlyMap<string, readonly [number, number]>;

/** Which of some lines go through every marked part; `units` of a line where it has no place: null. */
export function passing(
  lines: readonly ReadonlyMap<string, number | null>[],
  brushes: Brushes
): boolean[] {
  return lines.map(units =>
    [...brushes].every(([key, [low, high]]) => {
      const unit = units.get(key);
      // An axis that is no longer shown hides nothing.
      return (
        unit === undefined || (unit !== null && unit >= low - 1e-9 && unit <= high + 1e-9)
      );
    })
  );
}

/** With another part of one axis marked; null, or all of it: none. */
export function withBrush(
  brushes: Brushes,
  key: string,
  part: readonly [number, number] | null
): Brushes {
  const next = new Map(brushes);
  if (!part || (part[0] <= 0 && part[1] >= 1)) {
    next.delete(key);
    return next;
  }
  const [low, high] = [Math.max(0, Math.min(...part)), Math.min(1, Math.max(...part))];
  next.set(key, [low, high]);
  return next;
}

/** What a key does to the marked part; undefined where it does nothing. */
export function brushedByKey(
  part: readonly [number, number] | undefined,
  key: string,
  shift: boolean
): [number, number] | null | undefined {
  const [low, high] = part ?? [0, 1];
  const step = 0.05;
  switch (key) {
    case 'ArrowUp':
      return shift
        ? [low, Math.min(1, high + step)]
        : [Math.min(low + step, high - step), high];
    case 'ArrowDown':
      return shift
        ? [Math.max(0, low - step), high]
        : [low, Math.max(high - step, low + step)];
    case 'Escape':
      return null;
    default:
      return undefined;
  }
}

/** A list with one of its items moved by some places. */
export function reordered<T>(items: readonly T[], item: T, by: number): T[] {
  const from = items.indexOf(item);
  const to = Math.max(0, Math.min(items.length - 1, from + by));
  const next = items.filter(one => one !== item);
  next.splice(to, 0, item);
  return next;
}
