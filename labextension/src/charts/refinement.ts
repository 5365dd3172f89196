import type { IRange } from './range';
import type { Axis, IPoints } from './series';

/** Coarse points with those between `range` replaced by finer ones. */
export function refined(
  coarse: IPoints,
  fine: IPoints,
  range: IRange,
  axis: Axis
): IPoints {
  const places = axis === 'step' ? coarse.steps : coarse.times;
  const before: number[] = [];
  const after: number[] = [];
  places.forEach((place, index) => {
    if (place < range.from) {
      before.push(index);
    } else if (place > range.to) {
      after.push(index);
    }
  });
  const around = (of: readonly number[], middle: readonly number[]) =>
    of.length || middle.length
      ? [...before.map(index => of[index]), ...middle, ...after.map(index => of[index])]
      : [];
  const outside = (coarse.nans ?? []).filter(
    place => place < range.from || place > range.to
  );
  return {
    steps: around(coarse.steps, fine.steps),
    times: around(coarse.times, fine.times),
    values: around(coarse.values, fine.values),
    nans: [...outside, ...(fine.nans ?? [])].sort((one, other) => one - other),
    total: coarse.total
  };
}
