import { nullTranslator } from '@jupyterlab/translation';

import { formatDifference, formatSince, formatTick, formatValue } from '../numbers';
import { extent, moved, within, zoomed } from '../range';
import { linearScale, linearTicks, logScale, logTicks, timeTicks } from '../scale';

const trans = nullTranslator.load('jupyter_mlops');

/** Ticks are round, in range, and never more than there is room for. */
describe('ticks', () => {
  it('are round numbers without noise of rounding', () => {
    expect(linearTicks({ from: 0, to: 1 }, 5)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(linearTicks({ from: -0.3, to: 0.31 }, 6)).toEqual([-0.2, 0, 0.2]);
    expect(linearTicks({ from: 3, to: 1_000_003 }, 4)).toEqual([500_000, 1_000_000]);
  });

  it('end where numbers are too close to be told apart', () => {
    expect(linearTicks({ from: 1e16, to: 1e16 + 2 }, 1000).length).toBeLessThan(1002);
    expect(linearTicks({ from: 5, to: 5 }, 5)).toEqual([5]);
  });

  it('of a logarithmic scale are powers, with 2 and 5 between where there is room', () => {
    expect(logTicks({ from: 0.001, to: 1000 }, 4)).toEqual([0.01, 1, 100]);
    expect(logTicks({ from: 1, to: 100 }, 10)).toEqual([1, 2, 5, 10, 20, 50, 100]);
    expect(logTicks({ from: 2, to: 4 }, 4)).toEqual([2, 2.5, 3, 3.5, 4]);
  });

  it('of times are whole minutes, hours, and days of the person', () => {
    expect(timeTicks({ from: 0, to: 300 }, 5)).toEqual([0, 60, 120, 180, 240, 300]);
    expect(timeTicks({ from: 0, to: 86_400 }, 4)).toEqual([
      0, 21_600, 43_200, 64_800, 86_400
    ]);
    // Midnight in Seoul is 15:00 of the day before in UTC.
    expect(timeTicks({ from: 0, to: 2 * 86_400 }, 2, 9 * 3600)).toEqual([54_000, 140_400]);
  });
});

describe('scales', () => {
  it('place and find values', () => {
    const linear = linearScale({ from: 10, to: 20 });
    expect(linear.toUnit(15)).toBe(0.5);
    expect(linear.fromUnit(0.25)).toBe(12.5);
    const log = logScale({ from: 0.01, to: 100 });
    expect(log.toUnit(1)).toBeCloseTo(0.5);
    expect(log.fromUnit(0.75)).toBeCloseTo(10);
    expect(log.toUnit(0)).toBeNaN();
    expect(log.toUnit(-1)).toBeNaN();
  });

  it('give one value some room', () => {
    expect(linearScale({ from: 0, to: 0 }).range).toEqual({ from: -0.5, to: 0.5 });
    expect(linearScale({ from: 2, to: 2 }).toUnit(2)).toBe(0.5);
    expect(logScale({ from: 1, to: 1 }).toUnit(1)).toBeCloseTo(0.5);
  });
});

describe('ranges', () => {
  const whole = { from: 0, to: 100 };

  it('of values leave out what has no place', () => {
    expect(extent([3, NaN, Infinity, -2, 1.7e308])).toEqual({ from: -2, to: 3 });
    expect(extent([NaN])).toBeNull();
  });

  it('are zoomed around a place and stay inside', () => {
    expect(zoomed(whole, whole, 50, 0.5)).toEqual({ from: 25, to: 75 });
    expect(zoomed({ from: 0, to: 10 }, whole, 0, 0.5)).toEqual({ from: 0, to: 5 });
    expect(zoomed({ from: 40, to: 60 }, whole, 50, 100)).toBeNull();
  });

  it('can not be zoomed below what numbers can tell', () => {
    const least = { from: 50, to: 50 + 1e-8 };
    expect(zoomed(least, whole, 50, 0.5)).toBe(least);
  });

  it('are moved up to the ends, and keep their width', () => {
    expect(moved({ from: 10, to: 30 }, whole, 5)).toEqual({ from: 15, to: 35 });
    expect(moved({ from: 10, to: 30 }, whole, -50)).toEqual({ from: 0, to: 20 });
    expect(moved({ from: 70, to: 90 }, whole, 50)).toEqual({ from: 80, to: 100 });
  });

  it('that are all of it are none', () => {
    expect(within({ from: -5, to: 105 }, whole)).toBeNull();
    expect(within({ from: -5, to: 50 }, whole)).toEqual({ from: 0, to: 50 });
  });
});

describe('numbers', () => {
  it('are written with five digits, infinities with their sign', () => {
    expect([0.1 + 0.2, 1234567.891, 0.00001234, 1e20, -5, 0].map(formatValue)).toEqual([
      '0.3',
      '1.2346e6',
      '1.234e−5',
      '1e20',
      '−5',
      '0'
    ]);
    expect([NaN, Infinity, -Infinity].map(formatValue)).toEqual(['NaN', '∞', '−∞']);
  });

  it('are short beside an axis', () => {
    expect([0, 2000, 15_000, 1_000_000, -0.25, 1e-7].map(formatTick)).toEqual([
      '0',
      '2000',
      '15k',
      '1M',
      '−0.25',
      '1e−7'
    ]);
  });

  it('as differences have a sign and three digits', () => {
    expect([0.0123456, -3, 12].map(formatDifference)).toEqual(['+0.0123', '−3', '+12']);
  });

  it('of seconds are durations', () => {
    expect([0, 90, 150, 7200, 9000].map(one => formatSince(one, trans))).toEqual([
      '0 s',
      '90 s',
      '2:30 min',
      '2 h',
      '2:30 h'
    ]);
  });
});
