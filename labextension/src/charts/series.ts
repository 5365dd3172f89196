import type { IRange } from './range';
import { extent, isPlaceable, union } from './range';
import { smooth } from './smoothing';

export type Axis = 'step' | 'time' | 'relative';

/** Points of one line, in the order of the axis. */
export interface IPoints {
  readonly steps: readonly number[];
  /** Seconds since the epoch, or since the run's start where the axis is relative. */
  readonly times: readonly number[];
  /** May hold NaN and infinities. */
  readonly values: readonly number[];
  /** Where on the axis further points are that are NaN. */
  readonly nans?: readonly number[];
  /** How many there are, where the server has thinned them out. */
  readonly total?: number;
}

export interface ISeries {
  readonly id: string;
  readonly label: string;
  readonly points: IPoints;
  /** Which colour and dashes; its place in the list when left out. */
  readonly style?: number;
}

/** A series as it is drawn. */
export interface ILine {
  readonly id: string;
  readonly label: string;
  readonly style: number;
  readonly x: readonly number[];
  readonly raw: readonly number[];
  readonly y: readonly number[];
  /** Where it is interrupted: places of NaN, in order. */
  readonly gaps: readonly number[];
}

export function lineOf(
  series: ISeries,
  index: number,
  axis: Axis,
  smoothing: number
): ILine {
  const { steps, times, values, nans = [] } = series.points;
  const x = axis === 'step' ? steps : times;
  const gaps = x.filter((_, place) => Number.isNaN(values[place])).concat(nans);
  return {
    id: series.id,
    label: series.label,
    style: series.style ?? index,
    x,
    raw: values,
    y: smooth(values, smoothing),
    gaps: gaps.sort((one, other) => one - other)
  };
}

/** The axis from the first to the last point of all lines. */
export function wholeOf(lines: readonly ILine[]): IRange | null {
  return lines.reduce<IRange | null>((found, { x, gaps }) => {
    const ends = [x[0], x[x.length - 1], gaps[0], gaps[gaps.length - 1]];
    return union(found, extent(ends.filter(end => end !== undefined)));
  }, null);
}

/** The least and greatest value to be seen within a range, neighbours outside of it included. */
export function heightOf(
  lines: readonly ILine[],
  range: IRange,
  log: boolean
): IRange | null {
  let from = Infinity;
  let to = -Infinity;
  for (const { x, raw } of lines) {
    const [first, last] = span(x, range);
    for (let index = first; index < last; index++) {
      const value = raw[index];
      if (isPlaceable(value) && (!log || value > 0)) {
        from = Math.min(from, value);
        to = Math.max(to, value);
      }
    }
  }
  return from <= to ? { from, to } : null;
}

/** Indices of the points that a line within a range needs: one on each side of it as well. */
export function span(x: readonly number[], range: IRange): [number, number] {
  return [
    Math.max(0, firstAtLeast(x, range.from) - 1),
    Math.min(x.length, firstAtLeast(x, range.to) + 1)
  ];
}

/** The index of the point next to a place; -1 where the line has none there. */
export function nearest(x: readonly number[], place: number, tolerance: number): number {
  const after = firstAtLeast(x, place);
  const before = after - 1;
  const best =
    after >= x.length || (before >= 0 && place - x[before] <= x[after] - place)
      ? before
      : after;
  if (best < 0) {
    return -1;
  }
  const inside = before >= 0 && after < x.length;
  return inside || Math.abs(x[best] - place) <= tolerance ? best : -1;
}

/** The place next to `place` that any line has a point at; itself without any. */
export function closest(lines: readonly ILine[], place: number): number {
  let found = place;
  let least = Infinity;
  for (const { x } of lines) {
    const after = firstAtLeast(x, place);
    for (const candidate of [x[after - 1], x[after]]) {
      if (candidate !== undefined && Math.abs(candidate - place) < least) {
        least = Math.abs(candidate - place);
        found = candidate;
      }
    }
  }
  return found;
}

/** The next place to the right (or left) of `place` that any line has a point at. */
export function neighbour(
  lines: readonly ILine[],
  place: number,
  forwards: boolean
): number | null {
  let found: number | null = null;
  for (const { x } of lines) {
    const index = firstAtLeast(x, place);
    let next = index - 1;
    if (forwards) {
      next = index;
      while (x[next] === place) {
        next++;
      }
    }
    const candidate = x[next];
    if (candidate === undefined) {
      continue;
    }
    if (found === null || (forwards ? candidate < found : candidate > found)) {
      found = candidate;
    }
  }
  return found;
}

/** Where `place` is or would be in a list that is in order. */
export function firstAtLeast(x: readonly number[], place: number): number {
  let low = 0;
  let high = x.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x[middle] < place) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}
