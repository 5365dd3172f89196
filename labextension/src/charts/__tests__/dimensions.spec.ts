import { brushedByKey, passing, reordered, withBrush } from '../brushes';
import type { IDimension } from '../dimension';
import { canBeLog, dimensionAxis, isBestLog } from '../dimension';

const numbers = (...values: (number | null)[]): IDimension => ({
  key: 'n',
  name: 'n',
  numeric: true,
  values
});

describe('an axis of numbers', () => {
  it('is logarithmic where that reads better, and only above zero', () => {
    expect(isBestLog(numbers(0.001, 0.1))).toBe(true);
    expect(isBestLog(numbers(1, 3))).toBe(false);
    expect(canBeLog(numbers(0, 100))).toBe(false);
    expect(canBeLog(numbers(NaN))).toBe(false);
  });

  it('has no place for what is missing or NaN, and its ends for infinities', () => {
    const axis = dimensionAxis(numbers(1, 3, null, NaN, Infinity), false, 0);
    expect(axis.place(null)).toBeNull();
    expect(axis.place(NaN)).toBeNull();
    expect(axis.place(Infinity)).toBe(3);
    expect(axis.scale.toUnit(2)).toBe(0.5);
    expect(dimensionAxis(numbers(1, 100), true, 0).place(0)).toBeNull();
  });
});

describe('an axis of words', () => {
  it('has them in their order, shortened and thinned out where there are many', () => {
    const values = Array.from(
      { length: 30 },
      (_, index) => `layer ${index}${'x'.repeat(20)}`
    );
    const axis = dimensionAxis({ key: 'w', name: 'w', numeric: false, values }, false, 0.1);
    expect(axis.place(values[2])).toBe(2);
    const ticks = axis.ticks(10);
    expect(ticks.length).toBeLessThanOrEqual(10);
    expect(ticks[0].label).toBe('layer 0xxxxxxxx…');
  });

  it('of one word has it in the middle', () => {
    const axis = dimensionAxis(
      { key: 'w', name: 'w', numeric: false, values: ['a'] },
      false,
      0
    );
    expect(axis.scale.toUnit(axis.place('a') ?? NaN)).toBe(0.5);
  });
});

describe('marked parts', () => {
  const lines = [
    new Map([
      ['a', 0.2],
      ['b', 0.9]
    ]),
    new Map<string, number | null>([
      ['a', 0.8],
      ['b', null]
    ])
  ];

  it('are passed by lines that go through all of them', () => {
    expect(passing(lines, new Map())).toEqual([true, true]);
    expect(passing(lines, new Map([['a', [0.5, 1]]]))).toEqual([false, true]);
    // Without a value it goes through nothing.
    expect(passing(lines, new Map([['b', [0, 0.95]]]))).toEqual([true, false]);
    expect(passing(lines, new Map([['gone', [0, 0.1]]]))).toEqual([true, true]);
  });

  it('are ordered, cut to the axis, and gone when they are all of it', () => {
    expect(withBrush(new Map(), 'a', [1.4, 0.6]).get('a')).toEqual([0.6, 1]);
    expect(withBrush(new Map([['a', [0, 0.5]]]), 'a', [-1, 2]).has('a')).toBe(false);
    expect(withBrush(new Map([['a', [0, 0.5]]]), 'a', null).size).toBe(0);
  });

  it('are made by keyboard', () => {
    expect(brushedByKey(undefined, 'ArrowUp', false)).toEqual([0.05, 1]);
    expect(brushedByKey([0.5, 0.8], 'ArrowDown', false)?.[1]).toBeCloseTo(0.75);
    expect(brushedByKey([0.5, 0.8], 'ArrowDown', true)?.[0]).toBeCloseTo(0.45);
    expect(brushedByKey([0.5, 0.8], 'Escape', false)).toBeNull();
    expect(brushedByKey(undefined, 'a', false)).toBeUndefined();
  });

  it('stay with axes that are moved', () => {
    expect(reordered(['a', 'b', 'c'], 'a', 1)).toEqual(['b', 'a', 'c']);
    expect(reordered(['a', 'b', 'c'], 'c', -9)).toEqual(['c', 'a', 'b']);
  });
});
