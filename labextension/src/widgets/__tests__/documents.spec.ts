import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Widget } from '@lumino/widgets';

import { Documents } from '../documents';

/** A shell that remembers what came into it, and what came to the front. */
function shellOf(added: string[], activated: string[]): JupyterFrontEnd.IShell {
  return {
    add: (widget: Widget) => added.push(widget.id),
    activateById: (id: string) => activated.push(id)
  } as unknown as JupyterFrontEnd.IShell;
}

function documentOf(id: string): Widget {
  const made = new Widget();
  made.id = id;
  return made;
}

describe('documents of one kind', () => {
  let added: string[];
  let activated: string[];
  let documents: Documents<Widget>;

  beforeEach(() => {
    added = [];
    activated = [];
    documents = new Documents(shellOf(added, activated), null, {
      namespace: 'test',
      type: 'Test',
      command: 'test:open',
      args: () => ({})
    });
  });

  it('are there once, however quickly one is asked for twice', async () => {
    const isIt = (one: Widget) => one.id === 'a';
    const make = () =>
      new Promise<Widget>(resolve => setTimeout(() => resolve(documentOf('a'))));
    const [first, second] = await Promise.all([
      documents.open(isIt, make),
      documents.open(isIt, make)
    ]);
    expect(second).toBe(first);
    expect(added).toEqual(['a']);
    expect(activated).toEqual(['a', 'a']);
  });

  it('are made anew when they were closed', async () => {
    const isIt = (one: Widget) => one.id === 'a';
    (await documents.open(isIt, () => documentOf('a'))).dispose();
    await documents.open(isIt, () => documentOf('a'));
    expect(added).toEqual(['a', 'a']);
  });

  it('open although one before could not be made', async () => {
    const failed = documents.open(
      () => false,
      () => Promise.reject(new Error('gone'))
    );
    const opened = documents.open(
      () => false,
      () => documentOf('b')
    );
    await expect(failed).rejects.toThrow('gone');
    expect((await opened).id).toBe('b');
    expect(added).toEqual(['b']);
  });
});
