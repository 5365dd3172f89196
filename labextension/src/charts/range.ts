/** A part of an axis; both bounds belong to it. */
export interface IRange {
  readonly from: number;
  readonly to: number;
}

/** Numbers beyond this count as infinite: their differences would be. */
const LARGEST = 1e300;

/** Whether it can be placed on an axis. */
export function isPlaceable(value: number): boolean {
  return Math.abs(value) <= LARGEST;
}

/** The range of all that can be placed; null without any. */
export function extent(values: Iterable<number>): IRange | null {
  let from = Infinity;
  let to = -Infinity;
  for (const value of values) {
    if (isPlaceable(value)) {
      from = Math.min(from, value);
      to = Math.max(to, value);
    }
  }
  return from <= to ? { from, to } : null;
}

/** The least range that holds both. */
export function union(one: IRange | null, other: IRange | null): IRange | null {
  if (!one || !other) {
    return one ?? other;
  }
  return { from: Math.min(one.from, other.from), to: Math.max(one.to, other.to) };
}

/** The part around `centre` that is `factor` times as wide, no wider than `whole`. */
export function zoomed(
  range: IRange,
  whole: IRange,
  centre: number,
  factor: number
): IRange | null {
  const least = (whole.to - whole.from) * 1e-9;
  if (factor < 1 && range.to - range.from <= least) {
    return range;
  }
  return within(
    {
      from: centre - (centre - range.from) * factor,
      to: centre + (range.to - centre) * factor
    },
    whole
  );
}

/** Moved by `by`, without leaving `whole`; null when it is all of it. */
export function moved(range: IRange, whole: IRange, by: number): IRange | null {
  const room = by < 0 ? whole.from - range.from : whole.to - range.to;
  const step = by < 0 ? Math.max(by, Math.min(room, 0)) : Math.min(by, Math.max(room, 0));
  return within({ from: range.from + step, to: range.to + step }, whole);
}

/** Cut to `whole`; null when that leaves all of it. */
export function within(range: IRange, whole: IRange): IRange | null {
  const from = Math.max(range.from, whole.from);
  const to = Math.min(range.to, whole.to);
  return from <= whole.from && to >= whole.to ? null : { from, to };
}
