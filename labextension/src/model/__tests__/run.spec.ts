import type { MlopsClient } from '../../api/client';
import { MlopsError } from '../../api/client';
import type { RunDetail } from '../../api/types';
import { RunModel, withExtremes } from '../run';

jest.useFakeTimers();

const detail = (changes: Partial<RunDetail['run']> = {}, step = 1): RunDetail => ({
  run: {
    id: 'r',
    name: 'run',
    status: 'RUNNING',
    experiment_id: '1',
    experiment: 'e',
    user: '',
    started_at: 0,
    ended_at: null,
    job_id: null,
    parent_id: null,
    favourite: false,
    note: '',
    params: {},
    metrics: {},
    tags: {},
    own_tags: {},
    ...changes
  },
  artifact_uri: '',
  deleted: false,
  note_version: 'v',
  at_server: false,
  metrics: [{ key: 'loss', last: 1, step, time: step, min: null, max: null, points: null }],
  datasets: [],
  children: [],
  lineage: null,
  cut: false
});

/** Answers what it is told to, and keeps what it was asked. */
class Server {
  asked: [string, string | null | undefined][] = [];
  answer: () => RunDetail | null = () => detail();
  /** Answers are made when asked for, and come when this is over. */
  delay: Promise<void> = Promise.resolve();
  changed: () => Promise<RunDetail> = () => Promise.resolve(detail());

  client = {
    getIfNew: async (path: string, etag?: string | null) => {
      this.asked.push([path, etag]);
      const value = path.startsWith('metrics')
        ? { axis: 'step', series: [] }
        : this.answer();
      await this.delay;
      return value && { value, etag: 'e1' };
    },
    send: () => this.changed()
  } as unknown as MlopsClient;
}

const pass = async (milliseconds: number): Promise<void> => {
  await jest.advanceTimersByTimeAsync(milliseconds);
};

describe('a run that goes on', () => {
  it('is asked for at most once a second, and only for what is new', async () => {
    const server = new Server();
    const model = new RunModel(server.client, 'r');
    model.setVisible(true);
    await pass(50);
    expect(server.asked.map(([path]) => path)).toEqual([
      'runs/r?summary=false',
      'runs/r?summary=true'
    ]);
    server.asked = [];
    server.answer = () => null;
    await pass(10_000);
    expect(server.asked.length).toBeGreaterThan(5);
    expect(server.asked.length).toBeLessThanOrEqual(10);
    expect(new Set(server.asked.map(([, etag]) => etag))).toEqual(new Set(['e1']));
    model.dispose();
  });

  it('is left alone while nobody looks, and when it has ended', async () => {
    const server = new Server();
    const model = new RunModel(server.client, 'r');
    model.setVisible(true);
    await pass(50);
    model.setVisible(false);
    server.asked = [];
    await pass(60_000);
    expect(server.asked).toEqual([]);
    server.answer = () =>
      detail({
        status: 'FINISHED',
        ended_at: 1,
        own_tags: { 'mlops.reproducible': 'yes' }
      });
    model.setVisible(true);
    await pass(3000);
    expect(model.detail?.run.status).toBe('FINISHED');
    server.asked = [];
    await pass(60_000);
    expect(server.asked).toEqual([]);
    model.dispose();
  });

  it('is shown as it was while the daemon is away, and comes back', async () => {
    const server = new Server();
    const model = new RunModel(server.client, 'r');
    model.setVisible(true);
    await pass(50);
    server.answer = () => {
      throw new MlopsError(503, { code: 'daemon_gone', detail: 'gone' });
    };
    await pass(3000);
    expect(model.stale).toBe(true);
    expect(model.detail?.run.name).toBe('run');
    server.answer = () => detail({ name: 'renamed' });
    await pass(20_000);
    expect(model.stale).toBe(false);
    expect(model.detail?.run.name).toBe('renamed');
    model.dispose();
  });

  it('that is deleted is not asked for again; one that is not there yet may come', async () => {
    const server = new Server();
    const model = new RunModel(server.client, 'r');
    const none = () => {
      throw new MlopsError(404, { code: 'run_not_found', detail: 'no run' });
    };
    server.answer = none;
    model.setVisible(true);
    await pass(50);
    expect(model.error?.code).toBe('run_not_found');
    server.answer = () => detail();
    await pass(5000);
    expect(model.detail?.run.name).toBe('run');
    server.answer = none;
    await pass(5000);
    server.asked = [];
    await pass(60_000);
    expect(server.asked).toEqual([]);
    expect(model.stale).toBe(true);
    model.dispose();
  });
});

it('extremes that were told once grow with the last value', () => {
  const [metric] = detail().metrics;
  const told = { ...metric, min: 0.5, max: 2, points: 3 };
  const later = { ...metric, step: 2, last: 3 as const };
  expect(withExtremes(later, told)).toMatchObject({ min: 0.5, max: 3, points: null });
  expect(withExtremes(metric, told)).toMatchObject({ min: 0.5, max: 2, points: 3 });
  expect(withExtremes({ ...later, last: 'NaN' }, told)).toMatchObject({ max: 2 });
});

describe('a change', () => {
  const ENDED = { status: 'FINISHED', ended_at: 1, own_tags: { 'mlops.reproducible': '' } };
  const ended = (name: string) => detail({ ...ENDED, name } as Partial<RunDetail['run']>);

  /** Something that waits until it is released. */
  function held<T>(value: T): { answer: Promise<T>; release: () => void } {
    let release: () => void = () => undefined;
    const answer = new Promise<T>(resolve => (release = () => resolve(value)));
    return { answer, release };
  }

  it('stays, though what was read before it comes later', async () => {
    const server = new Server();
    server.answer = () => ended('old');
    const model = new RunModel(server.client, 'r');
    model.setVisible(true);
    await pass(50);
    const reading = held(undefined);
    server.delay = reading.answer;
    model.refresh();
    await pass(10);
    server.changed = () => Promise.resolve(ended('new'));
    await model.change({ name: 'new' });
    server.answer = () => ended('new');
    server.delay = Promise.resolve();
    reading.release();
    await pass(60_000);
    expect(model.detail?.run.name).toBe('new');
    model.dispose();
  });

  it('is not taken back by the answer to an earlier one', async () => {
    const server = new Server();
    server.answer = () => ended('old');
    const model = new RunModel(server.client, 'r');
    model.setVisible(true);
    await pass(50);
    const first = held(ended('first'));
    server.changed = () => first.answer;
    const slow = model.change({ name: 'first' });
    server.changed = () => Promise.resolve(ended('second'));
    await model.change({ name: 'second' });
    server.answer = () => ended('second');
    first.release();
    await slow;
    expect(model.detail?.run.name).toBe('second');
    await pass(1000);
    expect(model.detail?.run.name).toBe('second');
    model.dispose();
  });
});

describe('a run that was seen to end', () => {
  it('is looked at for its facts, whatever the clock of its machine says', async () => {
    const server = new Server();
    const model = new RunModel(server.client, 'r');
    model.setVisible(true);
    await pass(50);
    // An hour ago, as that clock has it.
    const past = Date.now() / 1000 - 3600;
    server.answer = () => detail({ status: 'FINISHED', ended_at: past });
    await pass(5000);
    server.answer = () =>
      detail({
        status: 'FINISHED',
        ended_at: past,
        own_tags: { 'mlops.reproducible': 'true' }
      });
    await pass(10_000);
    expect(model.detail?.run.own_tags['mlops.reproducible']).toBe('true');
    model.dispose();
  });
});
