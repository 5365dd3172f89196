import { refined } from '../refinement';
import { readingsAt } from '../reading';
import type { ISeries } from '../series';
import { closest, heightOf, lineOf, nearest, neighbour, span, wholeOf } from '../series';
import { smooth } from '../smoothing';

function series(id: string, steps: number[], values: number[], nans?: number[]): ISeries {
  return { id, label: id, points: { steps, times: steps.map(s => s * 10), values, nans } };
}

const line = (one: ISeries) => lineOf(one, 0, 'step', 0);

/** As TensorBoard smooths: an average of what came before, freed from its beginning at zero. */
describe('smoothing', () => {
  it('is the debiased exponential average', () => {
    const [a, b, c] = [1, 3, 2];
    const w = 0.5;
    const expected = [
      a,
      (w * (w * 0 + (1 - w) * a) + (1 - w) * b) / (1 - w ** 2),
      (w * (w * (1 - w) * a + (1 - w) * b) + (1 - w) * c) / (1 - w ** 3)
    ];
    const found = smooth([a, b, c], w);
    found.forEach((value, index) => expect(value).toBeCloseTo(expected[index], 12));
  });

  it('begins where the values do, however strong', () => {
    expect(smooth([5, 5.1], 0.999)[0]).toBeCloseTo(5, 9);
  });

  it('leaves alone what is constant, what is no number, and all of it at weight zero', () => {
    const constant = [0.1, 0.1, 0.1];
    expect(smooth(constant, 0.9)).toBe(constant);
    const values = [1, 2];
    expect(smooth(values, 0)).toBe(values);
    const found = smooth([1, NaN, Infinity, 3], 0.5);
    expect(found[1]).toBeNaN();
    expect(found[2]).toBe(Infinity);
    expect(found[3]).toBeCloseTo(smooth([1, 3], 0.5)[1], 12);
  });
});

describe('lines', () => {
  it('are interrupted where a NaN is, told with the points or by itself', () => {
    expect(line(series('a', [0, 1, 2], [1, NaN, 3], [5, 1.5])).gaps).toEqual([1, 1.5, 5]);
  });

  it('lie over the axis that was chosen', () => {
    const one = series('a', [0, 1], [1, 2]);
    expect(lineOf(one, 0, 'time', 0).x).toEqual([0, 10]);
    expect(wholeOf([line(one), line(series('b', [4], [0], [9]))])).toEqual({
      from: 0,
      to: 9
    });
    expect(wholeOf([line(series('a', [], []))])).toBeNull();
  });

  it('have the height of what is in range, its neighbours included', () => {
    const one = line(series('a', [0, 1, 2, 3, 4], [100, 1, -2, Infinity, 50]));
    expect(heightOf([one], { from: 1.5, to: 2.5 }, false)).toEqual({ from: -2, to: 1 });
    expect(heightOf([one], { from: 1.5, to: 2.5 }, true)).toEqual({ from: 1, to: 1 });
    expect(span(one.x, { from: 1.5, to: 2.5 })).toEqual([1, 4]);
  });
});

/** The crosshair reads every line that reaches it, and none beyond its end. */
describe('the crosshair', () => {
  const a = line(series('a', [0, 10, 20], [1, 2, 3]));
  const b = line(series('b', [0, 10], [9, NaN]));

  it('finds the next point, and none past the end', () => {
    expect(nearest(a.x, 4, 1)).toBe(0);
    expect(nearest(a.x, 6, 1)).toBe(1);
    expect(nearest(a.x, 20.5, 1)).toBe(2);
    expect(nearest(a.x, 25, 1)).toBe(-1);
    expect(nearest([], 0, 1)).toBe(-1);
  });

  it('lists the greatest first and what is no number last', () => {
    expect(readingsAt([a, b], 0, 1).map(one => one.id)).toEqual(['b', 'a']);
    expect(readingsAt([b, a], 10, 1).map(one => one.id)).toEqual(['a', 'b']);
    expect(readingsAt([a, b], 20, 1).map(one => one.id)).toEqual(['a']);
  });

  it('goes from point to point of any line', () => {
    const c = line(series('c', [7], [0]));
    expect(closest([a, c], 8)).toBe(7);
    expect(neighbour([a, c], 7, true)).toBe(10);
    expect(neighbour([a, c], 7, false)).toBe(0);
    expect(neighbour([a, c], 20, true)).toBeNull();
  });
});

describe('finer points', () => {
  it('take the place of coarse ones within their range, on every list', () => {
    const coarse = series('a', [0, 10, 20, 30], [0, 1, 2, 3], [12, 28]).points;
    const fine = series('a', [10, 12, 14, 20], [1, 5, 6, 2], [13]).points;
    expect(refined(coarse, fine, { from: 8, to: 22 }, 'step')).toEqual({
      steps: [0, 10, 12, 14, 20, 30],
      times: [0, 100, 120, 140, 200, 300],
      values: [0, 1, 5, 6, 2, 3],
      nans: [13, 28],
      total: undefined
    });
  });

  it('have no times where the axis is steps', () => {
    const coarse = { steps: [0, 9], times: [], values: [1, 2] };
    const fine = { steps: [4], times: [], values: [3] };
    expect(refined(coarse, fine, { from: 1, to: 5 }, 'step').times).toEqual([]);
  });
});
