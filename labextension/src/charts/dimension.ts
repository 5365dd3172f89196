import type { ITick } from './Axes';
import { formatTick, formatValue } from './numbers';
import { extent } from './range';
import type { IScale } from './scale';
import { linearScale, logScale } from './scale';

export type DimensionValue = number | string | null;

/** Something that each of some runs has a value of: numbers throughout, or words. */
export interface IDimension {
  readonly key: string;
  readonly name: string;
  readonly numeric: boolean;
  /** One a run, in the order of the runs; null where it has none. */
  readonly values: readonly DimensionValue[];
}

/** Where a dimension's values are along an axis. */
export interface IDimensionAxis {
  readonly scale: IScale;
  /** What the scale takes; null for what has no place: none, NaN, zero on a logarithmic axis. */
  place(value: DimensionValue): number | null;
  ticks(most: number): ITick[];
}

/** Longer words are shortened beside an axis. */
const WORD = 16;
/** A range so wide is told better by its powers. */
const WIDE = 50;

/**
 * @param margin - room before the first and after the last value, as part of the range
 */
export function dimensionAxis(
  dimension: IDimension,
  log: boolean,
  margin: number
): IDimensionAxis {
  return dimension.numeric
    ? numericAxis(dimension, log, margin)
    : categoricalAxis(dimension, margin);
}

/** Whether it can be shown logarithmically: numbers above zero. */
export function canBeLog({ numeric, values }: IDimension): boolean {
  const placeable = extent(numbersOf(values));
  return numeric && placeable !== null && placeable.from > 0;
}

/** Whether it reads better so. */
export function isBestLog(dimension: IDimension): boolean {
  const range = extent(numbersOf(dimension.values));
  return canBeLog(dimension) && range !== null && range.to / range.from >= WIDE;
}

export function formatDimension(value: DimensionValue): string {
  return typeof value === 'number' ? formatValue(value) : (value ?? '—');
}

function numericAxis({ values }: IDimension, log: boolean, margin: number): IDimensionAxis {
  const range = extent(numbersOf(values).filter(value => !log || value > 0));
  const { from, to } = range ?? { from: 0, to: 1 };
  const factor = log ? (to / from) ** margin : 1;
  const room = (to - from) * margin;
  const scale =
    log && range
      ? logScale({ from: from / factor, to: to * factor })
      : linearScale({ from: from - room, to: to + room });
  return {
    scale,
    place: value => {
      if (typeof value !== 'number' || Number.isNaN(value) || (log && value <= 0)) {
        return null;
      }
      return Math.max(scale.range.from, Math.min(scale.range.to, value));
    },
    ticks: most => scale.ticks(most).map(at => ({ at, label: formatTick(at) }))
  };
}

function categoricalAxis({ values }: IDimension, margin: number): IDimensionAxis {
  const words = [...new Set(values.filter(value => value !== null).map(String))].sort(
    new Intl.Collator(undefined, { numeric: true }).compare
  );
  const places = new Map(words.map((word, index) => [word, index]));
  const room = words.length > 1 ? (words.length - 1) * margin : 0.5;
  const scale = linearScale({ from: -room, to: words.length - 1 + room });
  return {
    scale,
    place: value => (value === null ? null : (places.get(String(value)) ?? null)),
    ticks: most => {
      const every = Math.max(1, Math.ceil(words.length / Math.max(1, most)));
      return words.flatMap((word, at) =>
        at % every
          ? []
          : [{ at, label: word.length > WORD ? `${word.slice(0, WORD - 1)}…` : word }]
      );
    }
  };
}

function numbersOf(values: readonly DimensionValue[]): number[] {
  return values.filter((value): value is number => typeof value === 'number');
}
