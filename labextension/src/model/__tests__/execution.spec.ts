import type { ICodeCellModel } from '@jupyterlab/cells';
import type * as nbformat from '@jupyterlab/nbformat';

import type { MlopsClient } from '../../api/client';
import type { ISubscription, MlopsStream } from '../../api/stream';
import type { IAttemptEvent } from '../../api/types';
import { ExecutionModel } from '../execution';

const settle = () => new Promise(resolve => setTimeout(resolve, 0));

function notebook(
  seq: number,
  outputs: nbformat.IOutput[] = []
): nbformat.INotebookContent {
  const cell = (id: string, own: nbformat.IOutput[]) => ({
    cell_type: 'code',
    id,
    metadata: { trusted: true },
    source: id,
    execution_count: null,
    outputs: own
  });
  return {
    cells: [cell('first', outputs), cell('second', [])],
    metadata: { mlops: { seq } },
    nbformat: 4,
    nbformat_minor: 5
  };
}

/** A server with one saved notebook and a stream that the test speaks into. */
class FakeServer {
  saved: nbformat.INotebookContent | null = null;
  asked: (number | undefined)[] = [];
  subscriptions: ISubscription<IAttemptEvent>[] = [];

  client = {
    notebook: (_: string, attempt?: number) => {
      this.asked.push(attempt);
      return Promise.resolve(this.saved);
    }
  } as unknown as MlopsClient;

  stream = {
    subscribe: (subscription: ISubscription<IAttemptEvent>) => {
      this.subscriptions.push(subscription);
      return { dispose: () => undefined, isDisposed: false };
    }
  } as unknown as MlopsStream;

  async say(...events: IAttemptEvent[]): Promise<void> {
    const subscription = this.subscriptions[this.subscriptions.length - 1];
    events.forEach(event => subscription.next(event));
    await settle();
  }
}

describe('ExecutionModel', () => {
  let server: FakeServer;
  let model: ExecutionModel;
  const outputs = (index: number) =>
    (model.notebook?.cells.get(index) as ICodeCellModel).outputs.toJSON();

  beforeEach(() => {
    server = new FakeServer();
    model = new ExecutionModel(server.client, server.stream, 'abc');
  });

  afterEach(() => model.dispose());

  /** The notebook is there, and nothing has been told. */
  async function begin(seq = 1): Promise<void> {
    server.saved = notebook(seq);
    await model.start(true);
  }

  it('asks for no notebook before there is one', async () => {
    await model.start(false);
    expect(server.asked).toEqual([]);
    expect(model.notebook).toBeNull();
    server.saved = notebook(0);
    await server.say({ seq: 1, type: 'prepared' });
    expect(server.asked).toHaveLength(1);
    expect(model.notebook?.cells.length).toBe(2);
  });

  it('follows from the last event that the saved notebook holds', async () => {
    await begin(7);
    expect(server.subscriptions[0].path()).toContain('after=7');
    await server.say({ seq: 7, type: 'stream', index: 0, name: 'stdout', text: 'old' });
    expect(outputs(0)).toEqual([]);
  });

  it('tells where each cell is', async () => {
    await begin();
    const changed: number[] = [];
    model.cellChanged.connect((_, index) => changed.push(index));
    await server.say({ seq: 2, type: 'cell_started', index: 0 });
    expect(model.running).toBe(0);
    expect(model.status(0)).toBe('running');
    expect(model.status(1)).toBe('waiting');
    await server.say({
      seq: 3,
      type: 'cell_finished',
      index: 0,
      status: 'succeeded',
      execution_count: 4
    });
    expect(model.running).toBeNull();
    expect(model.status(0)).toBe('succeeded');
    expect((model.notebook?.cells.get(0) as ICodeCellModel).executionCount).toBe(4);
    expect(changed).toEqual([0, 0]);
  });

  it('puts streams together and keeps different ones apart', async () => {
    await begin();
    await server.say(
      { seq: 2, type: 'stream', index: 0, name: 'stdout', text: 'a\n' },
      { seq: 3, type: 'stream', index: 0, name: 'stdout', text: 'b\n' },
      { seq: 4, type: 'stream', index: 0, name: 'stderr', text: 'c\n' }
    );
    expect(outputs(0)).toMatchObject([
      { name: 'stdout', text: 'a\nb\n' },
      { name: 'stderr', text: 'c\n' }
    ]);
  });

  it('goes on with text that the saved notebook keeps line by line', async () => {
    const text = ['one\n', 'two\n'];
    server.saved = notebook(1, [{ output_type: 'stream', name: 'stdout', text }]);
    await model.start(true);
    expect(outputs(0)).toMatchObject([{ text: 'one\ntwo\n' }]);
    await server.say({ seq: 2, type: 'stream', index: 0, name: 'stdout', text: 'three' });
    expect(outputs(0)).toMatchObject([{ text: 'one\ntwo\nthree' }]);
    const shared = (model.notebook?.cells.get(0) as ICodeCellModel).sharedModel;
    expect(shared.getOutputs()).toMatchObject([{ text: 'one\ntwo\nthree' }]);
  });

  it('clears outputs, at once or with the next one', async () => {
    await begin();
    const text = (seq: number, value: string): IAttemptEvent => ({
      seq,
      type: 'stream',
      index: 0,
      name: 'stdout',
      text: value
    });
    await server.say(text(2, 'a'), { seq: 3, type: 'clear_output', index: 0, wait: true });
    expect(outputs(0)).toMatchObject([{ text: 'a' }]);
    await server.say(text(4, 'b'));
    expect(outputs(0)).toMatchObject([{ text: 'b' }]);
    await server.say({ seq: 5, type: 'clear_output', index: 0, wait: false });
    expect(outputs(0)).toEqual([]);
  });

  const display = (seq: number, text: string): IAttemptEvent => ({
    seq,
    type: 'output',
    index: 0,
    output: {
      output_type: 'display_data',
      data: { 'text/plain': text },
      metadata: {},
      transient: { display_id: 'd' }
    }
  });
  const update = (seq: number, text: string): IAttemptEvent => ({
    seq,
    type: 'update_display',
    display_id: 'd',
    data: { 'text/plain': text },
    metadata: {}
  });

  it('updates every display of an id', async () => {
    await begin();
    await server.say(display(2, '1'), display(3, '1'), update(4, '2'));
    expect(outputs(0).map(output => (output as nbformat.IDisplayData).data)).toEqual([
      { 'text/plain': '2' },
      { 'text/plain': '2' }
    ]);
  });

  it('forgets the displays of a cleared cell', async () => {
    await begin();
    await server.say(
      display(2, '1'),
      { seq: 3, type: 'clear_output', index: 0, wait: false },
      { seq: 4, type: 'stream', index: 0, name: 'stdout', text: 'x' },
      update(5, '2')
    );
    expect(outputs(0)).toMatchObject([{ output_type: 'stream', text: 'x' }]);
  });

  it('takes the next saved notebook for a display that it never saw', async () => {
    await begin();
    await server.say(update(2, 'new'));
    expect(server.asked).toHaveLength(1);
    server.saved = notebook(2, [
      { output_type: 'display_data', data: { 'text/plain': 'new' }, metadata: {} }
    ]);
    await server.say(
      { seq: 3, type: 'saved' },
      {
        seq: 4,
        type: 'stream',
        index: 1,
        name: 'stdout',
        text: 'later'
      }
    );
    expect(server.asked).toHaveLength(2);
    expect(outputs(0)).toMatchObject([{ data: { 'text/plain': 'new' } }]);
    expect(outputs(1)).toMatchObject([{ text: 'later' }]);
  });

  it('asks again for events that the saved notebook lacks', async () => {
    await begin();
    await server.say(update(2, 'new'), {
      seq: 3,
      type: 'stream',
      index: 1,
      name: 'stdout',
      text: 'meanwhile'
    });
    server.saved = notebook(2);
    await server.say({ seq: 4, type: 'saved' });
    expect(server.subscriptions).toHaveLength(2);
    expect(server.subscriptions[1].path()).toContain('after=2');
    await server.say({
      seq: 3,
      type: 'stream',
      index: 1,
      name: 'stdout',
      text: 'meanwhile'
    });
    expect(outputs(1)).toMatchObject([{ text: 'meanwhile' }]);
  });

  it('starts over with the next attempt, without the notes of the one before', async () => {
    await begin();
    const seen: boolean[] = [];
    model.notebookChanged.connect((_, content) => seen.push(content !== null));
    await server.say({ seq: 9, type: 'note', text: 'flood capped' });
    expect(model.notes).toEqual(['flood capped']);
    server.saved = notebook(0);
    await server.say({ type: 'attempt', number: 2 }, { seq: 1, type: 'prepared' });
    expect(seen).toEqual([false, true]);
    expect(server.asked).toEqual([undefined, 2]);
    expect(model.notes).toEqual([]);
  });

  it('trusts nothing by itself, and allows no change', async () => {
    await begin();
    expect(model.notebook?.cells.get(0).trusted).toBe(false);
    expect(model.notebook?.readOnly).toBe(true);
  });

  it('tells the end, and what was refused', async () => {
    await begin();
    const ends: string[] = [];
    model.ended.connect((_, job) => ends.push(job.state));
    await server.say({ type: 'job', job: { state: 'failed' } });
    expect(ends).toEqual(['failed']);
    server.subscriptions[0].error?.({ code: 'not_found', detail: 'No such job.' });
    expect(model.problem?.detail).toBe('No such job.');
  });
});
