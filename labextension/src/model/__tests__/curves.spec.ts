import type { MetricSummary, Series } from '../../api/types';
import { continued, curveOf, Curves, KEPT_MOST } from '../curves';

const metric = (key: string, step: number, last = 1): MetricSummary => ({
  key,
  last,
  step,
  time: step,
  min: null,
  max: null,
  points: null
});
const metrics = (...all: MetricSummary[]): Map<string, MetricSummary> =>
  new Map(all.map(one => [one.key, one]));
const series = (key: string, x: number[], y: Series['y'] = x): Series => ({
  run_id: 'r',
  key,
  x,
  y,
  step: x,
  total: x.length,
  nan: 0,
  nan_x: [],
  exact: true,
  min: null,
  max: null
});

/** Only what is looked at, and of that only what is new, is asked for. */
describe('points that are asked for', () => {
  it('are all of a metric at first', () => {
    const curves = new Curves();
    const all = metrics(metric('loss', 9), metric('acc', 9));
    expect(curves.due(all)).toBeNull();
    curves.setWanted(['loss', 'gone']);
    expect(curves.due(all)).toEqual({ keys: ['loss'], from: null });
  });

  it('are those from the last one on afterwards', () => {
    const curves = new Curves();
    curves.setWanted(['loss', 'acc']);
    const before = metrics(metric('loss', 2), metric('acc', 3));
    const order = curves.due(before);
    if (order?.keys.join() !== 'loss,acc') {
      throw new Error('Both are to be asked for.');
    }
    curves.take(order, [series('loss', [0, 1, 2]), series('acc', [1, 3])], before);
    expect(curves.due(before)).toBeNull();
    const after = metrics(metric('loss', 4), metric('acc', 3));
    expect(curves.due(after)).toEqual({ keys: ['loss'], from: 2 });
    curves.take({ keys: ['loss'], from: 2 }, [series('loss', [2, 3, 4])], after);
    expect(curves.get('loss')?.x).toEqual([0, 1, 2, 3, 4]);
    expect(curves.due(after)).toBeNull();
  });

  it('are all once more when many have come, and at the end', () => {
    const curves = new Curves();
    curves.setWanted(['loss']);
    const before = metrics(metric('loss', 1));
    const many = Array.from({ length: KEPT_MOST + 1 }, (_, index) => index);
    curves.take({ keys: ['loss'], from: null }, [series('loss', many)], before);
    expect(curves.due(metrics(metric('loss', 2)))?.from).toBeNull();
    curves.take({ keys: ['loss'], from: null }, [series('loss', [0, 1])], before);
    expect(curves.due(before)).toBeNull();
    curves.renew();
    expect(curves.due(before)).toEqual({ keys: ['loss'], from: null });
    expect(curves.get('loss')?.x).toEqual([0, 1]);
  });

  it('are others on another axis', () => {
    const curves = new Curves();
    curves.setWanted(['loss']);
    const all = metrics(metric('loss', 1));
    curves.take({ keys: ['loss'], from: null }, [series('loss', [0, 1])], all);
    curves.setAxis('time');
    expect(curves.get('loss')).toBeNull();
    expect(curves.due(all)).toEqual({ keys: ['loss'], from: null });
  });

  it('are no more than the server draws at once', () => {
    const curves = new Curves();
    const names = Array.from({ length: 250 }, (_, index) => `m${index}`);
    curves.setWanted(names);
    const all = metrics(...names.map(name => metric(name, 1)));
    expect(curves.due(all)?.keys).toHaveLength(100);
  });
});

describe('a curve', () => {
  it('reads words as numbers', () => {
    expect(curveOf(series('a', [0, 1], ['Infinity', 2])).values).toEqual([Infinity, 2]);
  });

  it('goes on where new points replace its last ones', () => {
    const one = curveOf(series('a', [0, 1, 2, 2]));
    const more = { ...curveOf(series('a', [2, 2, 2, 5])), nans: [3] };
    const whole = continued({ ...one, nans: [1, 2] }, more, 2);
    expect(whole.x).toEqual([0, 1, 2, 2, 2, 5]);
    expect(whole.nans).toEqual([1, 3]);
    expect(whole.total).toBe(6);
  });
});
