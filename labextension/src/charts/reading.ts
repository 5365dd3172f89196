import type { ILine } from './series';
import { nearest } from './series';

/** What a line says at a place. */
export interface IReading {
  readonly id: string;
  readonly label: string;
  readonly style: number;
  readonly place: number;
  readonly value: number;
  /** As it was logged. */
  readonly raw: number;
}

/** What all lines that reach a place say there: greatest first, no numbers last. */
export function readingsAt(
  lines: readonly ILine[],
  place: number,
  tolerance: number
): IReading[] {
  const found: IReading[] = [];
  for (const line of lines) {
    const index = nearest(line.x, place, tolerance);
    if (index >= 0) {
      found.push({
        id: line.id,
        label: line.label,
        style: line.style,
        place: line.x[index],
        value: line.y[index],
        raw: line.raw[index]
      });
    }
  }
  return found.sort((one, other) => rank(other.value) - rank(one.value));
}

function rank(value: number): number {
  return Number.isNaN(value) ? -Number.MAX_VALUE : Math.max(-1e308, Math.min(value, 1e308));
}
