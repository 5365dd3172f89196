import type { IRange } from './range';

/** Places values between 0 (the range's begin) and 1 (its end). */
export interface IScale {
  readonly range: IRange;
  /** NaN for what the scale can't place: zero and below on a logarithmic one. */
  toUnit(value: number): number;
  fromUnit(unit: number): number;
  ticks(most: number): number[];
}

export function linearScale(range: IRange): IScale {
  const [from, to] = spread(range);
  const span = to - from;
  return {
    range: { from, to },
    toUnit: value => (value - from) / span,
    fromUnit: unit => from + unit * span,
    ticks: most => linearTicks({ from, to }, most)
  };
}

/** The range has to be above zero. */
export function logScale(range: IRange): IScale {
  let [low, high] = [Math.log10(range.from), Math.log10(range.to)];
  if (high - low < 1e-9) {
    [low, high] = [low - 0.5, high + 0.5];
  }
  const span = high - low;
  const spanned = { from: 10 ** low, to: 10 ** high };
  return {
    range: spanned,
    toUnit: value => (value > 0 ? (Math.log10(value) - low) / span : NaN),
    fromUnit: unit => 10 ** (low + unit * span),
    ticks: most => logTicks(spanned, most)
  };
}

/** Round numbers within a range, about as many as `most` and never more. */
export function linearTicks(range: IRange, most: number): number[] {
  const step = niceStep((range.to - range.from) / Math.max(1, most));
  return multiples(range, step);
}

/** Powers of ten, with 2 and 5 between them where there is room; linear in less than a decade. */
export function logTicks(range: IRange, most: number): number[] {
  const low = Math.log10(range.from);
  const high = Math.log10(range.to);
  if (high - low < 1) {
    return linearTicks(range, most).filter(value => value > 0);
  }
  const decades = Math.floor(high) - Math.ceil(low) + 1;
  const every = Math.max(1, Math.ceil(decades / Math.max(1, most)));
  const parts = decades * 3 <= most ? [1, 2, 5] : [1];
  const ticks: number[] = [];
  for (let power = Math.floor(low); power <= Math.ceil(high); power++) {
    if (((power % every) + every) % every) {
      continue;
    }
    for (const part of parts) {
      const value = Number(`${part}e${power}`);
      if (value >= range.from * (1 - 1e-9) && value <= range.to * (1 + 1e-9)) {
        ticks.push(value);
      }
    }
  }
  return ticks;
}

const [MINUTE, HOUR, DAY] = [60, 3600, 86_400];
const TIME_STEPS = [
  ...[1, 2, 5, 10, 15, 30],
  ...[1, 2, 5, 10, 15, 30].map(minutes => minutes * MINUTE),
  ...[1, 2, 3, 6, 12].map(hours => hours * HOUR),
  ...[1, 2, 7, 14, 30, 90, 365].map(days => days * DAY)
];

/**
 * Round durations or times of day, in seconds.
 *
 * @param offset - seconds that the person's clock is ahead of UTC: days begin at their midnight
 */
export function timeTicks(range: IRange, most: number, offset = 0): number[] {
  const least = (range.to - range.from) / Math.max(1, most);
  const step =
    least < 1
      ? niceStep(least)
      : (TIME_STEPS.find(one => one >= least) ?? niceStep(least / DAY) * DAY);
  return multiples({ from: range.from + offset, to: range.to + offset }, step).map(
    value => value - offset
  );
}

/** 1, 2 or 5 times a power of ten, at least `least`. */
function niceStep(least: number): number {
  const power = Math.floor(Math.log10(least));
  const unit = 10 ** power;
  const part = [1, 2, 5, 10].find(one => one * unit >= least * (1 - 1e-9)) ?? 10;
  // As a numeral: 3 * 10 ** -1 is not 0.3.
  return Number(`${part}e${power}`);
}

function multiples(range: IRange, step: number): number[] {
  const first = Math.ceil(range.from / step - 1e-9);
  const last = Math.floor(range.to / step + 1e-9);
  const ticks: number[] = [];
  // A step too small for the numbers' own precision yields nothing that differs.
  if (!(step > 0) || last - first > 1000) {
    return [range.from];
  }
  const digits = Math.max(0, Math.min(20, -Math.floor(Math.log10(step))));
  for (let index = first; index <= last; index++) {
    const value = step >= 1 ? index * step : Number((index * step).toFixed(digits));
    ticks.push(value === 0 ? 0 : value);
  }
  return ticks;
}

/** A range of one value gets some room around it. */
function spread({ from, to }: IRange): [number, number] {
  if (to > from) {
    return [from, to];
  }
  const room = Math.abs(from) * 0.05 || 0.5;
  return [from - room, from + room];
}
