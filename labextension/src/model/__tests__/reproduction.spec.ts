import type { Reproduction, StageName } from '../../api/reproductions';
import type { MlopsClient } from '../../api/client';
import { MlopsError } from '../../api/client';
import { ReproductionModel, stageOf } from '../reproduction';

const NAMES: StageName[] = ['environment', 'code', 'data', 'running', 'comparing'];

/** A reproduction that is in one of its stages, or has ended. */
function at(stage: StageName | null, changes: Partial<Reproduction> = {}): Reproduction {
  const reached = stage ? NAMES.indexOf(stage) : -1;
  return {
    id: 'a1',
    run_id: 'r',
    order: { tolerance: null, tolerances: {}, ignore: [], keep: false },
    created_at: 1,
    ended_at: null,
    cancelling: false,
    stages: NAMES.map((name, index) => ({
      name,
      state: index < reached ? 'done' : index === reached ? 'working' : 'waiting',
      detail: '',
      started_at: index <= reached ? 1 : null,
      ended_at: index < reached ? 2 : null
    })),
    outcome: null,
    detail: '',
    differences: [],
    notes: [],
    job_id: reached >= 3 ? 'j' : null,
    new_run_id: null,
    directory: '',
    ...changes
  };
}

const ended = () => at('comparing', { outcome: 'differs', ended_at: 9 });

class Server {
  asked: string[] = [];
  listed: Reproduction[] = [];
  now: Reproduction = at('environment');
  refusal: MlopsError | null = null;

  client = {
    get: (path: string) => {
      this.asked.push(path);
      return this._answer(
        path.startsWith('runs/') ? { reproductions: this.listed } : this.now
      );
    },
    send: (method: string, path: string) => {
      this.asked.push(`${method} ${path}`);
      return this._answer(
        path.endsWith('cancel') ? { ...this.now, cancelling: true } : this.now
      );
    },
    job: () => this._answer({ progress: { done: 2, total: 5, current_source: '' } })
  } as unknown as MlopsClient;

  private _answer(value: unknown) {
    return this.refusal ? Promise.reject(this.refusal) : Promise.resolve(value);
  }
}

const refusal = (status: number) => new MlopsError(status, { code: 'away', detail: '' });

const pass = async (milliseconds: number): Promise<void> => {
  await jest.advanceTimersByTimeAsync(milliseconds);
};

describe('ReproductionModel', () => {
  let server: Server;
  let model: ReproductionModel;
  let outcomes: unknown[];

  beforeEach(() => {
    jest.useFakeTimers();
    server = new Server();
    model = new ReproductionModel(server.client, 'r');
    outcomes = [];
    model.ended.connect((_, { outcome }) => outcomes.push(outcome));
  });

  afterEach(() => {
    model.dispose();
    jest.useRealTimers();
  });

  it('asks once where none is under way, and shows none that has long ended', async () => {
    server.listed = [ended()];
    model.setVisible(true);
    await pass(60_000);
    expect(server.asked).toEqual(['runs/r/reproductions']);
    expect(model.current).toBeNull();
    expect(outcomes).toEqual([]);
  });

  it('follows one that somebody else has begun, to its outcome and no further', async () => {
    server.listed = [at('environment'), ended()];
    model.setVisible(true);
    await pass(10);
    expect(stageOf(model.current ?? ended())?.name).toBe('environment');
    server.now = at('running');
    await pass(1100);
    expect(stageOf(model.current ?? ended())?.name).toBe('running');
    expect(model.progress).toMatchObject({ done: 2, total: 5 });
    server.now = ended();
    await pass(1100);
    expect(model.underWay).toBe(false);
    expect(model.progress).toBeNull();
    expect(outcomes).toEqual(['differs']);
    server.asked = [];
    await pass(60_000);
    expect(server.asked).toEqual([]);
    model.dismiss();
    expect(model.current).toBeNull();
  });

  it('asks for nothing while nobody looks, and is up to date when somebody does', async () => {
    model.setVisible(true);
    await pass(10);
    await model.begin();
    await pass(1100);
    model.setVisible(false);
    server.asked = [];
    server.now = ended();
    await pass(60_000);
    expect(server.asked).toEqual([]);
    model.setVisible(true);
    await pass(10);
    expect(outcomes).toEqual(['differs']);
  });

  it('asks again when nobody answers, ever less often', async () => {
    model.setVisible(true);
    await pass(10);
    await model.begin();
    server.refusal = refusal(503);
    server.asked = [];
    await pass(60_000);
    expect(server.asked.length).toBeGreaterThan(2);
    expect(server.asked.length).toBeLessThan(8);
    expect(model.underWay).toBe(true);
    server.refusal = null;
    server.now = ended();
    await pass(31_000);
    expect(outcomes).toEqual(['differs']);
  });

  it('is cancelled, and can’t be closed before it has ended', async () => {
    await model.begin();
    model.dismiss();
    await model.cancel();
    expect(server.asked).toEqual([
      'POST runs/r/reproductions',
      'POST reproductions/a1/cancel'
    ]);
    expect(model.current?.cancelling).toBe(true);
  });

  it('forgets one that is not there any more', async () => {
    model.setVisible(true);
    await pass(10);
    await model.begin();
    server.refusal = refusal(404);
    await pass(1100);
    expect(model.current).toBeNull();
  });
});
