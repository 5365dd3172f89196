import { ServerConnection } from '@jupyterlab/services';

import { MlopsStream } from '../stream';

/** The lowest layer, faked: what the server would see and say. */
class FakeSocket {
  static all: FakeSocket[] = [];
  readyState = 0;
  sent: { op: string; id: string; path?: string }[] = [];
  onopen?: () => void;
  onclose?: () => void;
  onmessage?: (event: { data: string }) => void;

  constructor(readonly url: string) {
    FakeSocket.all.push(this);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text) as FakeSocket['sent'][number]);
  }

  open(): void {
    this.readyState = 1;
    this.onopen?.();
  }

  say(message: object): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  close(): void {
    if (this.readyState !== 3) {
      this.readyState = 3;
      this.onclose?.();
    }
  }
}

function makeStream(): MlopsStream {
  return new MlopsStream({
    ...ServerConnection.makeSettings({
      baseUrl: 'http://localhost:1/user/ä/',
      wsUrl: 'ws://localhost:1/user/ä/',
      token: 'a/b',
      appendToken: true
    }),
    WebSocket: FakeSocket as unknown as typeof WebSocket
  });
}

const newest = () => FakeSocket.all[FakeSocket.all.length - 1];

describe('MlopsStream', () => {
  beforeEach(() => {
    jest.useFakeTimers();
    FakeSocket.all = [];
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  it('multiplexes subscriptions over one socket', () => {
    const stream = makeStream();
    const heard: unknown[] = [];
    stream.subscribe({ path: () => '/a', next: line => heard.push(['a', line]) });
    stream.subscribe({ path: () => '/b', next: line => heard.push(['b', line]) });
    expect(FakeSocket.all).toHaveLength(1);
    expect(newest().url).toBe('ws://localhost:1/user/ä/mlops/stream?token=a%2Fb');
    newest().open();
    expect(newest().sent.map(message => message.path)).toEqual(['/a', '/b']);
    newest().say({ id: '2', data: 1 });
    newest().say({ id: '1', data: 2 });
    expect(heard).toEqual([
      ['b', 1],
      ['a', 2]
    ]);
    stream.dispose();
  });

  it('comes back from its own cursor after the connection was lost', () => {
    const stream = makeStream();
    let cursor = 0;
    stream.subscribe<{ seq: number }>({
      path: () => `/events?after=${cursor}`,
      next: line => (cursor = line.seq)
    });
    newest().open();
    newest().say({ id: '1', data: { seq: 7 } });
    const states: boolean[] = [];
    stream.connectedChanged.connect((_, connected) => states.push(connected));
    newest().close();
    expect(stream.connected).toBe(false);
    jest.advanceTimersByTime(20_000);
    expect(FakeSocket.all).toHaveLength(2);
    newest().open();
    expect(newest().sent).toEqual([{ op: 'open', id: '1', path: '/events?after=7' }]);
    expect(states).toEqual([false, true]);
    stream.dispose();
  });

  it('opens again what a restarting daemon ended, and reports what was refused', () => {
    const stream = makeStream();
    const errors: string[] = [];
    stream.subscribe({
      path: () => '/a',
      next: () => undefined,
      error: problem => errors.push(problem.code)
    });
    newest().open();
    newest().say({ id: '1', error: { code: 'daemon_gone', detail: 'gone' } });
    jest.advanceTimersByTime(1000);
    expect(newest().sent.filter(message => message.op === 'open')).toHaveLength(2);
    newest().say({ id: '1', error: { code: 'not_found', detail: 'no such job' } });
    jest.advanceTimersByTime(60_000);
    expect(errors).toEqual(['not_found']);
    expect(newest().sent.filter(message => message.op === 'open')).toHaveLength(2);
    stream.dispose();
  });

  it('closes what nobody listens to any more', () => {
    const stream = makeStream();
    const heard: unknown[] = [];
    const subscription = stream.subscribe({
      path: () => '/a',
      next: line => heard.push(line)
    });
    newest().open();
    subscription.dispose();
    expect(newest().sent[1]).toEqual({ op: 'close', id: '1' });
    newest().say({ id: '1', data: 1 });
    expect(heard).toEqual([]);
    stream.dispose();
  });

  it('does not reconnect once disposed', () => {
    const stream = makeStream();
    stream.subscribe({ path: () => '/a', next: () => undefined });
    newest().open();
    stream.dispose();
    jest.advanceTimersByTime(60_000);
    expect(FakeSocket.all).toHaveLength(1);
  });
});
