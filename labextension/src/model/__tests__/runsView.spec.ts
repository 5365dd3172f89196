import type { RunRow } from '../../api/runs';
import {
  column,
  defaultColumns,
  formatMetric,
  inSight,
  isColumnKey,
  lowerIsBetter,
  moved,
  orderKey,
  resized,
  toggled
} from '../runColumns';
import { extend, NOTHING, only, toggle } from '../runSelection';
import {
  askedColumns,
  canGroup,
  NEW_VIEW,
  ordered,
  orderTexts,
  sameView,
  viewFromJSON,
  viewToJSON
} from '../runsView';
import { readViews } from '../savedViews';

function row(changes: Partial<RunRow>): RunRow {
  return { params: {}, metrics: {}, tags: {}, ...changes } as RunRow;
}

describe('an order', () => {
  it('of a metric begins with the greatest, then the least, then ends', () => {
    const down = ordered(NEW_VIEW, 'metrics.acc', false);
    expect(orderTexts(down)).toEqual(['metrics.acc:desc']);
    const up = ordered(down, 'metrics.acc', false);
    expect(orderTexts(up)).toEqual(['metrics.acc:asc']);
    expect(ordered(up, 'metrics.acc', false).order).toEqual([]);
  });

  it('of anything else begins with the least', () => {
    expect(orderTexts(ordered(NEW_VIEW, 'params.lr', false))).toEqual(['params.lr:asc']);
  });

  it('can have further columns, each turned where it is', () => {
    let view = ordered(NEW_VIEW, 'params.lr', false);
    view = ordered(view, 'metrics.acc', true);
    view = ordered(view, 'params.lr', true);
    expect(orderTexts(view)).toEqual(['params.lr:desc', 'metrics.acc:desc']);
    for (const name of ['a', 'b', 'c', 'd']) {
      view = ordered(view, `metrics.${name}`, true);
    }
    expect(view.order).toHaveLength(5);
  });

  it('is left alone by what the server can’t order by', () => {
    expect(ordered(NEW_VIEW, 'attributes.note', false)).toBe(NEW_VIEW);
    expect(orderKey('attributes.commit')).toBe('tags.mlflow.source.git.commit');
  });
});

describe('columns', () => {
  const columns = ['params.lr', 'metrics.a', 'metrics.b', 'attributes.note'].map(column);
  const keys = (list: readonly { key: string }[]) => list.map(one => one.key);

  it('move before and behind others', () => {
    expect(keys(moved(columns, 0, 2))).toEqual([
      'metrics.a',
      'params.lr',
      'metrics.b',
      'attributes.note'
    ]);
    expect(keys(moved(columns, 3, 0))[0]).toBe('attributes.note');
    expect(keys(moved(columns, 1, 2))).toEqual(keys(columns));
    expect(keys(moved(columns, 0, 4))[3]).toBe('params.lr');
  });

  it('get no narrower or wider than can be used', () => {
    expect(resized(columns, 'params.lr', 1)[0].width).toBe(48);
    expect(resized(columns, 'params.lr', 1e6)[0].width).toBe(800);
    expect(resized(columns, 'params.lr', 99.6)[0].width).toBe(100);
    expect(resized(columns, 'no such', 100)).toEqual(columns);
  });

  it('come and go', () => {
    expect(keys(toggled(columns, 'metrics.a'))).not.toContain('metrics.a');
    expect(keys(toggled(columns, 'tags.team'))).toContain('tags.team');
  });

  it('in sight are those that a scroll leaves there', () => {
    const some = [100, 100, 100, 100].map((width, n) => ({ key: `params.${n}`, width }));
    expect(inSight(some, 0, 150)).toEqual({ first: 0, last: 2, before: 0, after: 200 });
    expect(inSight(some, 150, 100)).toEqual({ first: 1, last: 3, before: 100, after: 100 });
    expect(inSight(some, 390, 500)).toEqual({ first: 3, last: 4, before: 300, after: 0 });
    expect(inSight([], 0, 100)).toEqual({ first: 0, last: 0, before: 0, after: 0 });
  });

  it('have names that may hold anything', () => {
    expect(isColumnKey('metrics.val/loss (%).x')).toBe(true);
    expect(isColumnKey('attributes.start_time')).toBe(true);
    for (const key of ['attributes.toString', 'metrics.', 'things.x', '', 'lr']) {
      expect(isColumnKey(key)).toBe(false);
    }
    expect(askedColumns(columns)).toEqual(['params.lr', 'metrics.a', 'metrics.b']);
  });

  it('nobody chose are what differs and what was logged, not what the machine logs', () => {
    const rows = [
      row({ params: { same: '1', lr: '1' }, metrics: { loss: 1, 'system/cpu': 1 } }),
      row({ params: { same: '1', lr: '2' }, metrics: { loss: 2, rare: 1 } })
    ];
    expect(keys(defaultColumns(rows, true))).toEqual([
      'attributes.experiment',
      'attributes.start_time',
      'attributes.duration',
      'params.lr',
      'params.same',
      'metrics.loss',
      'metrics.rare'
    ]);
  });
});

describe('a metric', () => {
  it.each([
    [undefined, ''],
    ['NaN', 'NaN'],
    ['-Infinity', '−∞'],
    [3, '3'],
    [0.123456789, '0.12346'],
    [1e-9, '1.000e-9'],
    [123456789.5, '1.235e+8'],
    [0, '0']
  ] as const)('%s is said as %s', (value, said) => {
    expect(formatMetric(value)).toBe(said);
  });

  it('is better when lower where its name says so', () => {
    expect(['loss', 'val/loss', 'RMSE', 'test_error'].filter(lowerIsBetter)).toHaveLength(
      4
    );
    expect(['accuracy', 'lossless', 'f1'].filter(lowerIsBetter)).toEqual([]);
  });
});

describe('a view', () => {
  it('is the same after it was saved', () => {
    const view = {
      filter: "a 'b'",
      order: [{ key: 'metrics.acc', descending: true }],
      columns: [{ key: 'params.lr', width: 77 }],
      group: 'tags.team',
      sparklines: false,
      nameWidth: 300
    };
    const again = viewFromJSON(JSON.parse(JSON.stringify(viewToJSON(view))));
    expect(again).toEqual(view);
    expect(sameView(view, again)).toBe(true);
    expect(sameView(view, NEW_VIEW)).toBe(false);
  });

  it('of whatever was saved can be used', () => {
    for (const saved of [
      null,
      3,
      'x',
      [],
      { columns: 3, order: {}, filter: [], group: 1 }
    ]) {
      expect(viewFromJSON(saved)).toEqual(NEW_VIEW);
    }
    const found = viewFromJSON({
      columns: [
        { key: 'params.lr', width: -5 },
        { key: 'params.lr', width: 60 },
        { key: '<img>', width: 60 },
        null
      ],
      order: [{ key: 'bad' }, { key: 'metrics.a' }],
      group: 'metrics.acc'
    });
    expect(found.columns).toEqual([column('params.lr')]);
    expect(found.order).toEqual([{ key: 'metrics.a', descending: false }]);
    expect(found.group).toBeNull();
  });

  it('can be grouped by what the server groups by', () => {
    expect(['params.a', 'tags.b', 'attributes.status'].every(canGroup)).toBe(true);
    expect(['metrics.a', 'attributes.user_id', 'params.'].some(canGroup)).toBe(false);
  });

  it('under a name is read from the settings, whatever somebody wrote there', () => {
    expect(readViews('x')).toEqual([]);
    expect(
      readViews([{ name: 'best', filter: 'x' }, { name: '' }, 3, null]).map(one => [
        one.name,
        one.view.filter
      ])
    ).toEqual([['best', 'x']]);
  });
});

describe('a selection', () => {
  it('is toggled one by one and extended from its anchor', () => {
    let selection = only('a');
    selection = toggle(selection, 'b');
    expect([...selection.ids]).toEqual(['a', 'b']);
    expect(selection.anchor).toBe('b');
    selection = extend(selection, ['b', 'c', 'd'], false);
    expect([...selection.ids]).toEqual(['b', 'c', 'd']);
    expect(selection.anchor).toBe('b');
    selection = extend(selection, ['x'], true);
    expect(selection.ids.size).toBe(4);
    expect([...toggle(selection, 'x').ids]).toEqual(['b', 'c', 'd']);
    expect(NOTHING.ids.size).toBe(0);
  });
});
