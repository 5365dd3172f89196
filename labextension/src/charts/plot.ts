import type { TranslationBundle } from '@jupyterlab/translation';

import type { ITick } from './Axes';
import { formatSince, formatTick, formatTime, formatValue } from './numbers';
import type { IRange } from './range';
import type { IScale } from './scale';
import { linearScale, logScale, timeTicks } from './scale';
import type { Axis } from './series';

/** Pixels that a label's character takes. */
export const CHARACTER = 6.3;
/** What a label needs with the room around it. */
const LABEL_WIDTH = 78;
const LABEL_HEIGHT = 27;

/** The vertical scale with some room above and below; null where there is nothing to place. */
export function heightScale(height: IRange | null, log: boolean): IScale | null {
  if (!height) {
    return null;
  }
  if (log) {
    const factor = Math.max((height.to / height.from) ** 0.05, 1.02);
    return logScale({ from: height.from / factor, to: height.to * factor });
  }
  const room = (height.to - height.from) * 0.05;
  return linearScale({ from: height.from - room, to: height.to + room });
}

export function heightTicks(scale: IScale, pixels: number): ITick[] {
  return scale
    .ticks(Math.max(2, Math.floor(pixels / LABEL_HEIGHT)))
    .map(at => ({ at, label: formatTick(at) }));
}

/** Room for the labels on the left. */
export function labelWidth(ticks: readonly ITick[]): number {
  const longest = Math.max(3, ...ticks.map(({ label }) => label.length));
  return Math.ceil(longest * CHARACTER) + 12;
}

export function placeTicks(
  axis: Axis,
  scale: IScale,
  pixels: number,
  trans: TranslationBundle
): ITick[] {
  const most = Math.max(1, Math.floor(pixels / LABEL_WIDTH));
  const { range } = scale;
  if (axis === 'step') {
    // Between two steps there is nothing.
    const ticks = scale.ticks(most).filter(Number.isInteger);
    return ticks.map(at => ({ at, label: formatTick(at) }));
  }
  if (axis === 'relative') {
    return timeTicks(range, most).map(at => ({ at, label: formatSince(at, trans) }));
  }
  const offset = -60 * new Date(range.from * 1000).getTimezoneOffset();
  return timeTicks(range, most, offset).map(at => ({
    at,
    label: formatTime(at, range.to - range.from)
  }));
}

/** A place on the axis, for the tooltip, the table and whoever listens. */
export function formatPlace(axis: Axis, place: number, trans: TranslationBundle): string {
  switch (axis) {
    case 'step':
      return trans.__('step %1', formatValue(place));
    case 'relative':
      return formatSince(place, trans);
    case 'time':
      return new Date(place * 1000).toLocaleString(undefined, { hourCycle: 'h23' });
  }
}

export function axisName(axis: Axis, trans: TranslationBundle): string {
  switch (axis) {
    case 'step':
      return trans.__('step');
    case 'relative':
      return trans.__('since the start');
    case 'time':
      return trans.__('time');
  }
}
