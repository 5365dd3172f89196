import type { Experiment } from '../../api/experiments';
import type { RunList, RunRow } from '../../api/runs';
import { sparklinePath } from '../../components/SparklineCell';
import type { MlopsClient } from '../../api/client';
import { MlopsError } from '../../api/client';
import { ExperimentsModel, linesOf } from '../experiments';

const churn = { id: '1', name: 'churn' } as Experiment;
const fraud = { id: '2', name: 'fraud' } as Experiment;

function runs(ids: string[], total: number | null, next: string | null = null): RunList {
  const rows = ids.map(id => ({ id, experiment_id: '1' }) as RunRow);
  return { runs: rows, next, total, cut: false, words_in: [], at_server: false };
}

describe('the lines of the Experiments panel', () => {
  const all = { text: '', experiments: [churn, fraud], total: 2, runs: null };

  it('are experiments, and below the open ones their runs', () => {
    expect(linesOf(all, new Map()).map(line => line.kind)).toEqual([
      'experiment',
      'experiment'
    ]);
    const open = new Map([['1', runs(['a', 'b'], 40, 'more')]]);
    expect(linesOf(all, open).map(line => line.key)).toEqual([
      'experiment 1',
      'run 1 a',
      'run 1 b',
      'all 1',
      'experiment 2'
    ]);
  });

  it('say that runs are on their way, and that there are none', () => {
    expect(linesOf(all, new Map([['2', null]])).map(line => line.kind)).toEqual([
      'experiment',
      'experiment',
      'loading'
    ]);
    const empty = linesOf(all, new Map([['1', runs([], 0)]]));
    expect(empty[1]).toMatchObject({ kind: 'all', count: 0 });
  });

  it('of a search are experiments and runs, each under its heading', () => {
    const found = {
      text: 'x',
      experiments: [fraud],
      total: 1,
      runs: runs(['a'], 9, 'more')
    };
    expect(linesOf(found, new Map()).map(line => line.key)).toEqual([
      'heading experiments',
      'experiment 2',
      'heading runs',
      'found a',
      'all found'
    ]);
    const nothing = { text: 'x', experiments: [], total: 0, runs: runs([], 0) };
    expect(linesOf(nothing, new Map()).map(line => line.kind)).toEqual(['heading']);
  });

  it('have different keys where a run is there twice', () => {
    const found = { text: 'x', experiments: [churn], total: 1, runs: runs(['a'], 1) };
    const keys = linesOf(found, new Map([['1', runs(['a'], 1)]])).map(line => line.key);
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe('a sparkline', () => {
  it('goes from edge to edge, the greatest on top', () => {
    expect(sparklinePath([0, 1, 2], [0, 5, 10])).toBe('M2.0 16.0L28.0 9.0L54.0 2.0');
  });

  it('is drawn between the greatest numbers that there are', () => {
    const most = Number.MAX_VALUE;
    expect(sparklinePath([0, 1, 2], [-most, 0, most])).toBe('M2.0 16.0L28.0 9.0L54.0 2.0');
  });

  it('is level where nothing changes, and leaves out what isn’t a number', () => {
    expect(sparklinePath([0, 10], [3, 3])).toBe('M2.0 9.0L54.0 9.0');
    expect(sparklinePath([0, 1, 2], [1, 'NaN', 2])).toBe('M2.0 16.0L54.0 2.0');
    expect(sparklinePath([], [])).toBe('');
    expect(sparklinePath([5], ['Infinity'])).toBe('');
  });
});

describe('the model of the Experiments panel', () => {
  /** Answers about the runs of an experiment, one after the other, as a test lets them. */
  class Server {
    experiments = [churn, fraud];
    etag = 'e1';
    runsOf: () => Promise<RunList> = () => Promise.resolve(runs(['a'], 1));
    failure: MlopsError | null = null;

    client = {
      getIfNew: (_: string, etag?: string | null) => {
        if (this.failure) {
          return Promise.reject(this.failure);
        }
        const value = { experiments: this.experiments, total: 2, next: null };
        return Promise.resolve(etag === this.etag ? null : { value, etag: this.etag });
      },
      get: () => this.runsOf()
    } as unknown as MlopsClient;
  }
  const settle = () => new Promise(resolve => setTimeout(resolve, 0));
  const shownRuns = (model: ExperimentsModel) =>
    model.lines.flatMap(line => (line.kind === 'run' ? [line.run.id] : []));

  it('never shows an older answer after a newer one', async () => {
    const server = new Server();
    const model = new ExperimentsModel(server.client);
    await model.refresh();
    let release: (list: RunList) => void = () => undefined;
    server.runsOf = () => new Promise(resolve => (release = resolve));
    model.toggle('1');
    server.runsOf = () => Promise.resolve(runs(['b', 'a'], 2));
    server.etag = 'e2';
    await model.look();
    release(runs(['a'], 1));
    await settle();
    expect(shownRuns(model)).toEqual(['b', 'a']);
    model.dispose();
  });

  it('keeps what is open when nobody answers, and asks again', async () => {
    const server = new Server();
    const model = new ExperimentsModel(server.client);
    await model.refresh();
    model.toggle('1');
    await settle();
    server.runsOf = () => Promise.reject(new MlopsError(503, { code: 'c', detail: 'd' }));
    server.etag = 'e2';
    await model.look();
    expect(shownRuns(model)).toEqual(['a']);
    server.runsOf = () => Promise.resolve(runs(['b', 'a'], 2));
    await model.look();
    expect(shownRuns(model)).toEqual(['b', 'a']);
    model.dispose();
  });

  it('tells a refresh that failed by its error, and only a look by throwing', async () => {
    const server = new Server();
    const model = new ExperimentsModel(server.client);
    server.failure = new MlopsError(503, { code: 'busy', detail: 'Busy.' });
    await model.refresh();
    expect(model.error?.code).toBe('busy');
    await expect(model.look()).rejects.toBe(server.failure);
    model.dispose();
  });
});
