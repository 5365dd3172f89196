import { MlopsError } from '../../api/client';
import type { MlopsClient } from '../../api/client';
import { pointsFor, RUNS_A_REQUEST } from '../../api/metrics';
import { MetricPoints } from '../metricPoints';

/** A server that has `total` points of every run and answers with two. */
class Server {
  readonly asked: URLSearchParams[] = [];
  total = 1_000_000;
  refuses = false;

  readonly client = {
    getIfNew: (path: string, etag?: string | null) => {
      const query = new URLSearchParams(path.split('?')[1]);
      this.asked.push(query);
      if (this.refuses) {
        return Promise.reject(new MlopsError(503, { code: 'busy', detail: 'Busy.' }));
      }
      if (etag === 'same') {
        return Promise.resolve(null);
      }
      const x = [Number(query.get('from') ?? 0), Number(query.get('to') ?? this.total)];
      const series = query.getAll('run').map(run_id => ({
        ...{ run_id, key: query.get('key'), x, y: [1, 'Infinity'], step: x },
        ...{ total: this.total, nan: 0, nan_x: [], exact: true }
      }));
      return Promise.resolve({ value: { series }, etag: 'same' });
    }
  } as unknown as MlopsClient;
}

let server: Server;
let points: MetricPoints;

beforeEach(() => {
  jest.useFakeTimers();
  server = new Server();
  points = new MetricPoints(server.client, 'loss');
});

afterEach(() => {
  points.dispose();
  jest.useRealTimers();
});

async function settle(): Promise<void> {
  await jest.advanceTimersByTimeAsync(500);
}

/** An answer stays below 200 KB, however many runs there are. */
describe('points of a metric', () => {
  it('come in answers that are small enough', async () => {
    const runs = Array.from({ length: 50 }, (_, index) => `r${index}`);
    await points.show(runs, 'step');
    expect(server.asked.length).toBe(Math.ceil(50 / RUNS_A_REQUEST));
    for (const query of server.asked) {
      const count = query.getAll('run').length;
      expect(count * Number(query.get('points'))).toBeLessThanOrEqual(4000);
      expect(Number(query.get('points'))).toBeGreaterThanOrEqual(500);
    }
    expect(points.points.size).toBe(50);
    expect(pointsFor(1)).toBe(1000);
  });

  it('are asked for once; a run that is added alone', async () => {
    await points.show(['a'], 'step');
    await points.show(['a', 'b'], 'step');
    expect(server.asked.map(query => query.getAll('run'))).toEqual([['a'], ['b']]);
    await points.show(['b'], 'step');
    expect([...points.points.keys()]).toEqual(['b']);
    expect(server.asked.length).toBe(2);
  });

  it('have infinities, which JSON has not', async () => {
    await points.show(['a'], 'step');
    expect(points.points.get('a')?.values).toEqual([1, Infinity]);
  });

  it('are refined where somebody looks, once the zoom has come to rest', async () => {
    await points.show(['a'], 'step');
    points.setRange({ from: 10, to: 500 });
    points.setRange({ from: 100, to: 200 });
    await settle();
    expect(server.asked.length).toBe(2);
    expect(server.asked[1].get('from')).toBe('100');
    expect(server.asked[1].get('to')).toBe('200');
    expect(points.points.get('a')?.steps).toEqual([0, 100, 200, 1_000_000]);
    expect(points.refining).toBe(false);
    points.setRange(null);
    expect(points.points.get('a')?.steps).toEqual([0, 1_000_000]);
  });

  it('are not asked for again where all of them are there', async () => {
    server.total = 2;
    await points.show(['a'], 'step');
    points.setRange({ from: 0, to: 1 });
    await settle();
    expect(server.asked.length).toBe(1);
  });

  it('are others over another axis', async () => {
    await points.show(['a'], 'step');
    await points.show(['a'], 'time');
    expect(server.asked[1].get('axis')).toBe('time');
    expect(points.points.get('a')?.times.length).toBe(2);
  });

  it('stay when asking again tells nothing new, or fails', async () => {
    await points.show(['a'], 'step');
    const known = points.points.get('a');
    await points.refresh(['a', 'not shown']);
    expect(points.points.get('a')).toBe(known);
    server.refuses = true;
    await points.show(['a', 'b'], 'step');
    expect(points.error?.code).toBe('busy');
    expect(points.points.get('a')).toBe(known);
    server.refuses = false;
    await points.retry();
    expect(points.error).toBeNull();
    expect(points.points.size).toBe(2);
  });
});
