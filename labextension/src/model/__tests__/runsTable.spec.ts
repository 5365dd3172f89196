import type { MlopsClient } from '../../api/client';
import { MlopsError } from '../../api/client';
import type { GroupList, RunList, RunRow } from '../../api/runs';
import { PAGE } from '../runPages';
import { NOTHING, only } from '../runSelection';
import { RunsTableModel } from '../runsTable';
import { NEW_VIEW } from '../runsView';

const TOTAL = 10 * PAGE;

function run(index: number): RunRow {
  return {
    id: `r${index}`,
    name: `run ${index}`,
    status: 'FINISHED',
    metrics: { acc: index },
    params: {},
    tags: {},
    own_tags: {}
  } as unknown as RunRow;
}

/** Ten pages of runs; what it was asked, and answers that can be held back. */
class Server {
  asked: URLSearchParams[] = [];
  etag = 'e1';
  runs = Array.from({ length: TOTAL }, (_, index) => run(index));
  groups: GroupList | null = null;
  failure: MlopsError | null = null;
  delay: Promise<void> = Promise.resolve();

  client = {
    getIfNew: async (path: string, etag?: string | null) => {
      const value = await this.answer(path);
      return etag === this.etag ? null : { value, etag: this.etag };
    },
    get: (path: string) => this.answer(path)
  } as unknown as MlopsClient;

  /** From now on answers wait, until what this returns is called. */
  hold(): () => void {
    let release: () => void = () => undefined;
    this.delay = new Promise(resolve => (release = resolve));
    return () => {
      this.delay = Promise.resolve();
      release();
    };
  }

  private async answer(path: string): Promise<RunList | GroupList> {
    const [route, search] = path.split('?');
    const query = new URLSearchParams(search);
    this.asked.push(query);
    const { failure, groups, runs, delay } = this;
    await delay;
    if (failure) {
      throw failure;
    }
    if (route === 'runs/groups' && groups) {
      return groups;
    }
    const from = Number(query.get('offset') ?? query.get('cursor') ?? 0);
    const to = from + Number(query.get('limit'));
    return {
      runs: runs.slice(from, to),
      next: to < runs.length ? String(to) : null,
      total: runs.length,
      cut: false,
      words_in: [],
      at_server: false
    };
  }
}

const settle = () => new Promise(resolve => setTimeout(resolve, 0));

describe('the model of the table of runs', () => {
  let server: Server;
  let model: RunsTableModel;

  beforeEach(async () => {
    server = new Server();
    model = new RunsTableModel(server.client, null, { ...NEW_VIEW, sparklines: false });
    await model.look();
  });

  afterEach(() => model.dispose());

  it('holds what is in sight, and learns its columns from it', () => {
    expect(model.total).toBe(TOTAL);
    expect(model.run(0)?.id).toBe('r0');
    expect(model.run(PAGE)).toBeUndefined();
    expect(model.columns.map(one => one.key)).toContain('metrics.acc');
  });

  it('drops the answer to a question that is no longer asked', async () => {
    const release = server.hold();
    const first = model.reload();
    const wanted = server.runs;
    server.delay = Promise.resolve();
    server.runs = [run(7)];
    await model.reload();
    server.runs = wanted;
    release();
    await first;
    expect(model.total).toBe(1);
    expect(model.run(0)?.id).toBe('r7');
    expect(model.error).toBeNull();
  });

  it('shows the last good answer while a view is refused', async () => {
    server.failure = new MlopsError(400, { code: 'filter_invalid', detail: 'No.' });
    model.setView({ ...model.view, filter: 'metrics.acc >' });
    await settle();
    expect(model.error?.code).toBe('filter_invalid');
    expect(model.run(0)?.id).toBe('r0');
    // It is not asked for again by itself: it would be refused again.
    server.failure = null;
    await model.look();
    expect(model.error?.code).toBe('filter_invalid');
  });

  it('chooses the range that was wanted last, though another comes later', async () => {
    const release = server.hold();
    const far = model.selectRange(0, 3 * PAGE);
    server.delay = Promise.resolve();
    await model.selectRange(0, 1);
    release();
    await far;
    expect([...model.selection.ids]).toEqual(['r0', 'r1']);
  });

  it('keeps what was chosen while a range was on its way', async () => {
    const release = server.hold();
    const far = model.selectRange(0, 3 * PAGE);
    model.select(only('r5'));
    release();
    await far;
    expect([...model.selection.ids]).toEqual(['r5']);
    model.select(NOTHING);
  });

  it('asks for nothing once it is gone', async () => {
    model.dispose();
    server.asked = [];
    model.setView({ ...model.view, filter: 'acc' });
    await model.reload();
    await settle();
    expect(server.asked).toEqual([]);
  });

  it('asks once for the runs of groups that can’t be found', async () => {
    const empty = new Server();
    empty.runs = [];
    empty.groups = {
      groups: [{ value: 'a', count: 3, metrics: {} }],
      total: 3,
      cut: false
    } as unknown as GroupList;
    const grouped = new RunsTableModel(empty.client, null, {
      ...NEW_VIEW,
      group: 'params.lr',
      sparklines: false
    });
    await grouped.look();
    expect(empty.asked.length).toBeLessThanOrEqual(3);
    expect(grouped.count).toBe(1);
    grouped.dispose();
  });
});
