import type { GroupList, RunList, RunRow } from '../../api/runs';
import { PAGE, RunPages } from '../runPages';
import { RunSections } from '../runSections';

function list(page: number, total: number, counted = true): RunList {
  const first = page * PAGE;
  const last = Math.min(first + PAGE, total);
  const runs: RunRow[] = [];
  for (let index = first; index < last; index++) {
    runs.push({ id: `run ${index}`, favourite: false } as RunRow);
  }
  const next = last < total ? `after ${last}` : null;
  return {
    runs,
    next,
    total: counted ? total : null,
    cut: false,
    words_in: [],
    at_server: false
  };
}

describe('pages of runs', () => {
  it('are asked for only where somebody looks, and one after the other by cursor', () => {
    const pages = new RunPages();
    expect(pages.missing(0, 40)).toEqual([{ page: 0 }]);
    pages.put(0, list(0, 10_000));
    expect(pages.count).toBe(10_000);
    expect(pages.missing(0, 40)).toEqual([]);
    expect(pages.missing(80, 120)).toEqual([{ page: 1, cursor: 'after 100' }]);
  });

  it('are asked for by their place after a jump', () => {
    const pages = new RunPages();
    pages.put(0, list(0, 10_000));
    expect(pages.missing(9_970, 10_000)).toEqual([{ page: 99, offset: 9_900 }]);
    pages.put(99, list(99, 10_000));
    expect(pages.row(9_999)?.id).toBe('run 9999');
    expect(pages.row(5_000)).toBeUndefined();
    expect(pages.indexOf('run 9950')).toBe(9_950);
  });

  it('far away are let go', () => {
    const pages = new RunPages();
    for (let page = 0; page < 100; page++) {
      pages.put(page, list(page, 10_000));
    }
    expect([...pages.rows()].length).toBeLessThanOrEqual(12 * PAGE);
    expect(pages.row(9_999)).toBeDefined();
    expect(pages.row(0)).toBeUndefined();
    expect(pages.missing(0, 10)).toEqual([{ page: 0 }]);
  });

  it('that are old are shown until they have been asked for again', () => {
    const pages = new RunPages();
    pages.put(0, list(0, 250));
    pages.put(1, list(1, 250));
    pages.age();
    expect(pages.row(3)).toBeDefined();
    // An old page's cursor leads to an old place.
    expect(pages.missing(50, 150)).toEqual([{ page: 0 }, { page: 1, offset: 100 }]);
    pages.put(0, list(0, 250));
    expect(pages.missing(50, 150)).toEqual([{ page: 1, cursor: 'after 100' }]);
  });

  it('vanish behind an end that has come nearer', () => {
    const pages = new RunPages();
    pages.put(0, list(0, 250));
    pages.put(1, list(1, 250));
    pages.put(0, list(0, 40));
    expect(pages.count).toBe(40);
    expect(pages.row(120)).toBeUndefined();
  });

  it('of a server that doesn’t count go on as long as it says so', () => {
    const pages = new RunPages();
    pages.put(0, list(0, 150, false));
    expect(pages.total).toBeNull();
    expect(pages.count).toBe(PAGE + 1);
    expect(pages.missing(90, 101)).toEqual([{ page: 1, cursor: 'after 100' }]);
    pages.put(1, list(1, 150, false));
    expect(pages.count).toBe(150);
    pages.age();
    expect(pages.missing(120, 130)).toEqual([{ page: 1, cursor: 'after 100' }]);
  });

  it('take a change at once', () => {
    const pages = new RunPages();
    pages.put(0, list(0, 10));
    pages.change('run 4', { favourite: true });
    expect(pages.row(4)?.favourite).toBe(true);
    expect(pages.row(5)?.favourite).toBe(false);
  });
});

describe('groups of runs', () => {
  const groups = {
    by: 'params.lr',
    groups: [
      { value: '0.1', count: 150 },
      { value: null, count: 3 },
      { value: '0.2', count: 1 }
    ],
    total: 154,
    cut: false
  } as unknown as GroupList;

  function sections(): RunSections {
    const made = new RunSections('params.lr');
    made.setGroups(groups);
    return made;
  }

  it('are closed, each one line', () => {
    const made = sections();
    expect(made.count).toBe(3);
    expect(made.total).toBe(154);
    expect(made.line(1)).toMatchObject({ kind: 'group', open: false, group: { count: 3 } });
    expect(made.missing(0, 3)).toEqual([]);
    expect(made.line(3)).toBeUndefined();
  });

  it('that are open have a line for each run, and ask for those in sight', () => {
    const made = sections();
    made.toggle('0.1');
    made.toggle(null);
    expect(made.count).toBe(3 + 150 + 3);
    expect(made.line(0)).toMatchObject({ kind: 'group', open: true });
    expect(made.line(1)).toEqual({ kind: 'run', run: undefined, grouped: true });
    expect(made.line(151)).toMatchObject({ kind: 'group', group: { value: null } });
    const wanted = made.missing(140, 156);
    expect(wanted.map(({ value, page }) => [value, page])).toEqual([
      ['0.1', 0],
      [null, 0]
    ]);
    wanted[0].pages.put(0, list(0, 150));
    made.remeasure();
    expect(made.indexOf('run 7')).toBe(8);
    expect(made.groupAt(100)?.value).toBe('0.1');
    expect(made.indexOfGroup(null)).toBe(151);
    made.toggle('0.1');
    expect(made.count).toBe(6);
  });

  it('stay open when they are counted anew', () => {
    const made = sections();
    made.toggle('0.2');
    const more = {
      ...groups,
      groups: [{ ...groups.groups[2], count: 5 }, groups.groups[0]]
    };
    made.setGroups(more);
    expect(made.count).toBe(2 + 5);
    expect(made.line(0)).toMatchObject({ kind: 'group', open: true });
  });
});
