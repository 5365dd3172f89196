import type { Artifact } from '../../api/types';
import { formatSize, imageType, previewOf } from '../artifactKinds';
import { parentOf, treeLines } from '../artifactTree';
import { failedCell } from '../failure';
import { groupMetrics } from '../metricGroups';
import { parseSeparated, ROWS_MOST, tableOfJson } from '../table';

const file = (path: string, media_type = '', preview = false): Artifact => ({
  path,
  directory: false,
  size: 1,
  media_type,
  preview
});
const folder = (path: string): Artifact => ({ ...file(path), directory: true, size: null });

it('files are previewed by their kind', () => {
  expect(previewOf(file('a/b.PNG'))).toBe('image');
  expect(previewOf(file('a.csv', 'text/csv', true))).toBe('table');
  expect(previewOf(file('n.ipynb', 'application/json', true))).toBe('notebook');
  expect(previewOf(file('n.json', 'application/json', true))).toBe('json');
  expect(previewOf(file('n.html', 'text/html', true))).toBe('html');
  expect(previewOf(file('MLmodel', 'text/plain', true))).toBe('text');
  expect(previewOf(file('model.pkl', 'application/octet-stream'))).toBe('none');
  expect(imageType('x.svg')).toBe('image/svg+xml');
  expect([0, 999, 1500, 2.5e9].map(formatSize)).toEqual([
    '0 B',
    '999 B',
    '1.5 kB',
    '2.5 GB'
  ]);
});

it('a tree has the lines of what is open', () => {
  const listings = new Map([
    ['', { path: '', artifacts: [folder('a'), file('z')], cut: true }],
    ['a', { path: 'a', artifacts: [folder('a/b')], cut: false }],
    ['a/b', { path: 'a/b', artifacts: [], cut: false }]
  ]);
  const names = (open: string[]) =>
    treeLines(listings, new Set(open)).map(line =>
      'artifact' in line ? `${line.depth} ${line.name}` : `${line.depth} (${line.note})`
    );
  expect(names([])).toEqual(['0 a', '0 z', '0 (cut)']);
  expect(names(['a', 'a/b'])).toEqual(['0 a', '1 b', '2 (empty)', '0 z', '0 (cut)']);
  expect(parentOf(treeLines(listings, new Set(['a', 'a/b'])), 2)).toBe(1);
  expect(treeLines(new Map(), new Set())).toEqual([
    { note: 'loading', depth: 0, path: '' }
  ]);
});

describe('separated values', () => {
  it('are read with quotes, lines within them and either end of line', () => {
    const table = parseSeparated('\ufeffa,b\r\n1,"x, ""y""\nz"\r\n\r\n3,', ',');
    expect(table).toEqual({
      columns: ['a', 'b'],
      rows: [
        ['1', 'x, "y"\nz'],
        ['3', '']
      ],
      cut: false
    });
  });

  it('lose the line that a beginning cuts in two', () => {
    expect(parseSeparated('a\tb\n1\t2\n3', '\t', true).rows).toEqual([['1', '2']]);
  });

  it('end where no one would read on', () => {
    const table = parseSeparated('a\n' + '1\n'.repeat(ROWS_MOST + 5), ',');
    expect([table.rows.length, table.cut]).toEqual([ROWS_MOST, true]);
  });
});

it('tables in JSON are those of MLflow and lists of records', () => {
  expect(tableOfJson({ columns: ['a'], data: [[1], [null]] })?.rows).toEqual([['1'], ['']]);
  expect(tableOfJson([{ a: 1 }, { b: [2] }])).toMatchObject({
    columns: ['a', 'b'],
    rows: [
      ['1', ''],
      ['', '[2]']
    ]
  });
  expect(tableOfJson([1, 2])).toBeNull();
  expect(tableOfJson({ a: 1 })).toBeNull();
});

it('metrics are grouped by what comes before the last slash; the machine’s come last', () => {
  const metric = (key: string, points: number | null = 5) => ({
    key,
    last: 1,
    step: 0,
    time: 0,
    min: null,
    max: null,
    points
  });
  const all = ['system/cpu', 'lr', 'train/loss', 'val/a/b'].map(key => metric(key));
  const groups = groupMetrics([...all, metric('test/acc', 1)]);
  expect(groups.map(({ name }) => name)).toEqual(['', 'test', 'train', 'val/a', 'system']);
  expect(groups[1].values.map(({ key }) => key)).toEqual(['test/acc']);
  expect(groupMetrics(all, 'LOSS tr').map(({ name }) => name)).toEqual(['train']);
});

it('the cell that failed is found in whatever a notebook holds', () => {
  expect(failedCell(null)).toBeNull();
  expect(failedCell({ cells: [null, { outputs: 'x' }] })).toBeNull();
  const error = { output_type: 'error', traceback: ['\u001b[31mValueError\u001b[0m', 'x'] };
  const cells = [
    { outputs: [] },
    { source: ['a\n', 'b'], execution_count: 2, outputs: [error] }
  ];
  expect(failedCell({ cells })).toEqual({
    count: 2,
    source: 'a\nb',
    traceback: 'ValueError\nx'
  });
});
