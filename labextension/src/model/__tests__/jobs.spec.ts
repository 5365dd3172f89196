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
  /** Answers are made when asked for, and come when this is over. */
  delay: Promise<void> = Promise.resolve();

  client = {
    jobs: (query: IJobQuery): Promise<JobList> => {
      this.queries.push(query);
      if (this.failure) {
        return Promise.reject(this.failure);
      }
      const jobs = this.jobsNow.filter(
        j => !query.states?.length || query.states.includes(j.state)
      );
      const counts: Record<string, number> = {};
      this.jobsNow.forEach(j => (counts[j.state] = (counts[j.state] ?? 0) + 1));
      const list = { jobs, next: null, counts, version: this.seq } as JobList;
      return this.delay.then(() => list);
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

  /** A job is now in another state: the server knows it, and tells it. */
  function becomes(changed: Job): void {
    server.seq++;
    const now = { ...changed, version: server.seq };
    server.jobsNow = [...server.jobsNow.filter(j => j.id !== now.id), now];
    server.subscription?.next({ seq: server.seq, type: 'job', job: now });
  }

  /** From now on answers wait, until what this returns is called. */
  function hold(): () => void {
    let release: () => void = () => undefined;
    server.delay = new Promise(resolve => (release = resolve));
    return () => {
      server.delay = Promise.resolve();
      release();
    };
  }

  it('counts again what changes while counts are on their way', async () => {
    jest.useFakeTimers();
    try {
      const release = hold();
      becomes(job('a', { state: 'cancelled' }));
      // The counts have been asked for: with one that is cancelled.
      await jest.advanceTimersByTimeAsync(1000);
      becomes(job('b', { state: 'cancelled' }));
      release();
      await jest.advanceTimersByTimeAsync(1000);
      expect(model.counts).toEqual({ cancelled: 2 });
    } finally {
      jest.useRealTimers();
    }
  });

  it('keeps what it heard while an older list was on its way', async () => {
    const ended: string[] = [];
    model.ended.connect((_, j) => ended.push(j.id));
    const release = hold();
    const refreshed = model.refresh();
    becomes(job('a', { state: 'cancelled' }));
    becomes(job('c'));
    server.subscription?.next({ seq: 20, type: 'job_deleted', job_id: 'b' });
    release();
    await refreshed;
    await settle();
    expect(model.jobs.map(j => [j.id, j.state])).toEqual([
      ['c', 'running'],
      ['a', 'cancelled']
    ]);
    expect(model.active).toBe(1);
    expect(ended).toEqual(['a']);
  });

  it('takes no counts of another filter, nor older ones after newer', async () => {
    jest.useFakeTimers();
    try {
      const release = hold();
      becomes(job('a', { state: 'cancelled' }));
      await jest.advanceTimersByTimeAsync(1000);
      server.delay = Promise.resolve();
      server.jobsNow = [];
      await model.setFilter({ name: 'nothing' });
      release();
      await jest.advanceTimersByTimeAsync(1000);
      expect(model.counts).toEqual({});
    } finally {
      jest.useRealTimers();
    }
  });
});
