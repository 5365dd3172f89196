import type { ComparedDetail, Comparison } from '../../api/comparison';
import { asNumber, comparedRows, difference, metricNames } from '../differences';
import { dimensionsOf, firstAxes, firstPair } from '../dimensions';

function comparison(changes: Partial<Comparison>): Comparison {
  return {
    runs: [{ id: 'a' }, { id: 'b' }] as Comparison['runs'],
    attributes: [],
    params: [],
    metrics: [],
    tags: [],
    packages: [],
    equal: {},
    packages_known: [true, true],
    ...changes
  };
}

const detail = (params: Record<string, string>, metrics: string[] = []): ComparedDetail =>
  ({
    run: { params, tags: {}, status: 'FINISHED', experiment: 'e', user: 'u' },
    metrics: metrics.map(key => ({ key, last: 1 }))
  }) as unknown as ComparedDetail;

describe('rows of a comparison', () => {
  const found = comparison({ params: [{ key: 'lr', values: ['0.1', '0.2'] }] });

  it('are the differences, and with details what is the same as well', () => {
    expect(comparedRows(found, null).map(row => row.key)).toEqual(['lr']);
    const details = new Map([
      ['a', detail({ lr: '0.1', depth: '3' })],
      ['b', detail({ lr: '0.2', depth: '3' })]
    ]);
    const rows = comparedRows(found, details).filter(row => row.section === 'params');
    expect(rows.map(({ key, same, values }) => [key, same, values])).toEqual([
      ['depth', true, ['3', '3']],
      ['lr', false, ['0.1', '0.2']]
    ]);
  });

  it('are in the order of people, what the machine measures last', () => {
    const metrics = ['system/cpu', 'e10', 'e2'].map(key => ({ key, values: [1, 2] }));
    expect(comparedRows(comparison({ metrics }), null).map(row => row.key)).toEqual([
      'e2',
      'e10',
      'system/cpu'
    ]);
    const details = [detail({}, ['b', 'system/x']), detail({}, ['a', 'b'])];
    expect(metricNames(details)).toEqual(['a', 'b', 'system/x']);
  });
});

describe('the difference to the baseline', () => {
  const row = (values: (string | number | null)[]) =>
    comparedRows(comparison({ metrics: [{ key: 'm', values: values }] }), null)[0];

  it('is told of numbers, also as a part of the baseline', () => {
    expect(difference(row([2, 3]), 1, 0)).toEqual({ absolute: 1, relative: 0.5 });
    expect(difference(row([0, 3]), 1, 0)).toEqual({ absolute: 3, relative: null });
    expect(difference(row([-2, -3]), 1, 0)).toEqual({ absolute: -1, relative: -0.5 });
  });

  it('is not told of the baseline itself, of words, of NaN, of what is missing', () => {
    expect(difference(row([2, 3]), 0, 0)).toBeNull();
    expect(difference(row(['x', 3]), 1, 0)).toBeNull();
    expect(difference(row([2, 'NaN']), 1, 0)).toBeNull();
    expect(difference(row([null, 3]), 1, 0)).toBeNull();
  });
});

describe('texts as numbers', () => {
  it.each([
    ['0.1', 0.1],
    ['1e-5', 1e-5],
    ['-3', -3],
    ['.5', 0.5],
    ['inf', Infinity],
    ['', null],
    ['0x10', null],
    ['3 layers', null],
    ['1_000', null]
  ])('%s', (text, value) => {
    expect(asNumber(text)).toBe(value);
  });
});

describe('dimensions', () => {
  const found = dimensionsOf(
    comparison({
      params: [
        { key: 'lr', values: ['0.1', '0.2'] },
        { key: 'optimizer', values: ['adam', 'sgd'] }
      ],
      metrics: [
        { key: 'lr', values: [0.1, 0.2] },
        { key: 'noise', values: [1, 'NaN'] },
        { key: 'system/cpu', values: [1, 2] },
        { key: 'test/acc', values: [0.5, null] }
      ]
    })
  );

  it('are numbers or words, told apart when they share a name', () => {
    expect(found.map(({ name, numeric }) => [name, numeric])).toEqual([
      ['lr (p)', true],
      ['optimizer', false],
      ['lr (m)', true],
      ['noise', true],
      ['test/acc', true],
      ['system/cpu', true]
    ]);
  });

  it('that say most are drawn first', () => {
    expect(firstAxes(found)).toEqual([
      'params.lr',
      'params.optimizer',
      'metrics.test/acc',
      'metrics.noise'
    ]);
    expect(firstPair(found)).toEqual(['params.lr', 'metrics.test/acc']);
    expect(firstPair([])).toBeNull();
  });
});
