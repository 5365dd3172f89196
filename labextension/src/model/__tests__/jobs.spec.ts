import { Signal } from '@lumino/signaling';

import type { IJobQuery, MlopsClient } from '../../api/client';
import { MlopsError } from '../../api/client';
import type { ISubscription, MlopsStream } from '../../api/stream';
import type { IStoreEvent, Job, JobList } from '../../api/types';
import { JobsModel } from '../jobs';

function job(id: string, fields: Partial<Job> = {}): Job {
  return {
    id,
    name: `job ${id}`,
    notebook: '/n.ipynb',
    state: 'running',
    version: 1,
    created_at: Number.parseInt(id, 16),
    ...fields
  } as Job;
}

class FakeServer {
  jobsNow: Job[] = [];
  seq = 10;
  queries: IJobQuery[] = [];
  subscription: ISubscription<IStoreEvent> | null = null;
  connected = true;
  connectedChanged = new Signal<this, boolean>(this);
  failure: MlopsError | null = null;

  client = {
    jobs: (query: IJobQuery): Promise<JobList> => {
      this.queries.push(query);
      if (this.failure) {
        return Promise.reject(this.failure);
      }
      const jobs = this.jobsNow.filter(
        j => !query.states?.length || query.states.includes(j.state)
      );
      return Promise.resolve({
        jobs,
        next: null,
        counts: {},
        version: this.seq
      } as JobList);
    },
    job: (id: string): Promise<Job> => {
      const found = this.jobsNow.find(j => j.id === id);
      return found
        ? Promise.resolve(found)
        : Promise.reject(new MlopsError(404, { code: 'not_found', detail: 'none' }));
    }
  } as unknown as MlopsClient;

  stream = {
    connected: true,
    connectedChanged: this.connectedChanged,
    subscribe: (subscription: ISubscription<IStoreEvent>) => {
      this.subscription = subscription;
      return { dispose: () => undefined, isDisposed: false };
    }
  } as unknown as MlopsStream;
}

const settle = () => new Promise(resolve => setTimeout(resolve, 0));

describe('JobsModel', () => {
  let server: FakeServer;
  let model: JobsModel;

  beforeEach(async () => {
    server = new FakeServer();
    server.jobsNow = [job('a'), job('b', { state: 'succeeded' })];
    model = new JobsModel(server.client, server.stream);
    model.start();
    await settle();
  });

  afterEach(() => model.dispose());

  it('lists newest first and follows from the version of the list', () => {
    expect(model.jobs.map(j => j.id)).toEqual(['b', 'a']);
    expect(model.active).toBe(1);
    expect(server.subscription?.path()).toBe('/api/v1/events?after=10&follow=1');
  });

  it('takes events, and never an older reading after a newer one', () => {
    server.subscription?.next({
      seq: 12,
      type: 'job',
      job: job('a', { version: 12, name: 'new' })
    });
    server.subscription?.next({
      seq: 12,
      type: 'job',
      job: job('a', { version: 11, name: 'old' })
    });
    expect(model.get('a')?.name).toBe('new');
    expect(server.subscription?.path()).toContain('after=12');
  });

  it('says once that a job has ended, also one that the filter hides', async () => {
    const ended: string[] = [];
    model.ended.connect((_, j) => ended.push(j.id));
    await model.setFilter({ states: ['failed'] });
    expect(model.jobs).toEqual([]);
    const last = job('a', { state: 'succeeded', version: 13 });
    server.subscription?.next({ seq: 13, type: 'job', job: last });
    server.subscription?.next({ seq: 14, type: 'job', job: { ...last, version: 14 } });
    expect(ended).toEqual(['a']);
    expect(model.jobs).toEqual([]);
  });

  it('is true again after the network was gone: ends and deletions in between', async () => {
    const ended: string[] = [];
    model.ended.connect((_, j) => ended.push(j.id));
    server.jobsNow = [job('a', { state: 'failed', version: 20 })];
    server.seq = 20;
    server.connectedChanged.emit(true);
    await settle();
    await settle();
    expect(model.jobs.map(j => [j.id, j.state])).toEqual([['a', 'failed']]);
    expect(ended).toEqual(['a']);
  });

  it('forgets deleted jobs', () => {
    server.subscription?.next({ seq: 11, type: 'job_deleted', job_id: 'a' });
    expect(model.jobs.map(j => j.id)).toEqual(['b']);
    expect(model.active).toBe(0);
  });

  it('keeps what it knows and the reason when the server refuses', async () => {
    server.failure = new MlopsError(503, { code: 'busy', detail: 'Busy.', hint: 'Wait.' });
    await model.refresh();
    expect(model.error?.hint).toBe('Wait.');
    expect(model.jobs).toHaveLength(2);
    expect(model.loading).toBe(false);
  });
});
