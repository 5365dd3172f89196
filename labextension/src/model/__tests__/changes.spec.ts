import type { CellDiff, DiffLine, NotebookDiff, TextDiff } from '../../api/changes';
import {
  cellRows,
  formatSize,
  frameHeight,
  paired,
  pictureUrl,
  sandboxed,
  textRows
} from '../changes';

const line = (op: DiffLine['op'], text: string = op): DiffLine => ({ op, pieces: [text] });
const equal = (count: number): DiffLine[] =>
  Array.from({ length: count }, (_, index) => line('=', `same ${index}`));

function text(lines: DiffLine[], more: Partial<TextDiff> = {}): TextDiff {
  return {
    hunks: [{ before: 1, after: 1, lines }],
    added: 0,
    removed: 0,
    before_lines: lines.filter(one => one.op !== '+').length,
    after_lines: lines.filter(one => one.op !== '-').length,
    cut: '',
    ...more
  };
}

describe('textRows', () => {
  it('numbers the lines of each text', () => {
    const rows = textRows(text([line('='), line('-'), line('+'), line('+'), line('=')]));
    expect(
      rows.map(row => (row.type === 'line' ? [row.op, row.before, row.after] : row.type))
    ).toEqual([
      ['=', 1, 1],
      ['-', 2, null],
      ['+', null, 2],
      ['+', null, 3],
      ['=', 3, 4]
    ]);
  });

  it('folds long equal stretches and keeps three lines around a change', () => {
    const rows = textRows(text([...equal(10), line('+'), ...equal(20), line('-')]));
    expect(rows.map(row => (row.type === 'fold' ? row.lines.length : row.type))).toEqual([
      7,
      'line',
      'line',
      'line',
      'line',
      'line',
      'line',
      'line',
      14,
      'line',
      'line',
      'line',
      'line'
    ]);
  });

  it('does not fold what a fold would take itself', () => {
    const rows = textRows(text([...equal(4), line('+'), ...equal(7), line('-')]));
    expect(rows.filter(row => row.type === 'fold')).toEqual([]);
  });

  it('counts lines that were not told, between, before and behind', () => {
    const diff = text([], {
      hunks: [
        { before: 11, after: 11, lines: [line('-'), line('=')] },
        { before: 51, after: 50, lines: [line('+')] }
      ],
      before_lines: 60,
      after_lines: 60
    });
    const gaps = (found: TextDiff) =>
      textRows(found).flatMap(row => (row.type === 'gap' ? [row.count] : []));
    expect(gaps(diff)).toEqual([10, 38, 10]);
    expect(gaps({ ...diff, cut: 'There is more.' })).toEqual([10, 38]);
  });
});

describe('paired', () => {
  it('puts the lines of a change beside each other, and equal ones on both sides', () => {
    const rows = paired(
      textRows(
        text([line('-', 'a'), line('-', 'b'), line('+', 'c'), line('='), line('+', 'd')])
      )
    );
    const told = rows.map(row =>
      row.type === 'pair'
        ? [row.left?.pieces[0] ?? null, row.right?.pieces[0] ?? null]
        : row.type
    );
    expect(told).toEqual([
      ['a', 'c'],
      ['b', null],
      ['=', '='],
      [null, 'd']
    ]);
  });
});

describe('cellRows', () => {
  const cell = (before: number | null, after: number | null): CellDiff => ({
    change: before === null ? 'added' : after === null ? 'removed' : 'changed',
    kind: 'code',
    before,
    after,
    source: null,
    outputs: [],
    metadata: null,
    first_line: ''
  });
  const notebook = (
    cells: CellDiff[],
    of: number,
    changes = cells.length
  ): NotebookDiff => ({
    before: { path: '', cells: of, executed: true },
    after: { path: '', cells: of, executed: true },
    cells,
    metadata: null,
    equal: 0,
    changes,
    outputs_compared: true,
    notes: []
  });
  const told = (diff: NotebookDiff) =>
    cellRows(diff).map(row => (row.type === 'same' ? row.count : row.cell.change));

  it('counts unchanged cells before, between and behind', () => {
    const cells = [cell(2, 2), cell(null, 3), cell(3, null), cell(6, 6)];
    expect(told(notebook(cells, 10))).toEqual([
      2,
      'changed',
      'added',
      'removed',
      2,
      'changed',
      3
    ]);
  });

  it('claims nothing of cells that were not told', () => {
    expect(told(notebook([cell(0, 0)], 10, 5))).toEqual(['changed']);
  });
});

describe('what somebody else made', () => {
  it('is a picture only if it is one', () => {
    expect(pictureUrl('image/png', 'aGk=\n')).toBe('data:image/png;base64,aGk=');
    expect(pictureUrl('image/png', '"><script>')).toBeNull();
    expect(pictureUrl('text/html', 'aGk=')).toBeNull();
    expect(pictureUrl('image/svg+xml', '<svg onload="x"/>')).toBe(
      'data:image/svg+xml;charset=utf-8,%3Csvg%20onload%3D%22x%22%2F%3E'
    );
  });

  it('stands behind the policy that forbids it everything', () => {
    const page = sandboxed('<meta http-equiv="refresh"><img src="http://x">', {
      text: 'black',
      ground: 'white'
    });
    expect(page.indexOf("default-src 'none'")).toBeGreaterThan(0);
    expect(page.indexOf("default-src 'none'")).toBeLessThan(page.indexOf('http://x'));
  });

  it('gets a frame of bounded height', () => {
    expect(frameHeight('')).toBe(64);
    expect(frameHeight('<tr>'.repeat(5))).toBe(148);
    expect(frameHeight('<tr>'.repeat(100_000))).toBe(360);
  });
});

it('says sizes as people read them', () => {
  expect([0, 1023, 1536, 5 * 2 ** 30, 2 ** 41].map(formatSize)).toEqual([
    '0 B',
    '1023 B',
    '1.5 KiB',
    '5.0 GiB',
    '2.0 TiB'
  ]);
});
