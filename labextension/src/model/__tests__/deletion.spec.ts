import { Notification } from '@jupyterlab/apputils';
import { nullTranslator } from '@jupyterlab/translation';

import type { MlopsClient } from '../../api/client';
import { MlopsError } from '../../api/client';
import { Deletion } from '../deletion';

const trans = nullTranslator.load('jupyter_mlops');

describe('Deletion', () => {
  let deleted: string[];
  let refusal: MlopsError | null;
  let deletion: Deletion;

  beforeEach(() => {
    jest.useFakeTimers();
    Notification.dismiss();
    deleted = [];
    refusal = null;
    deletion = new Deletion(
      {
        delete: (id: string) => {
          deleted.push(id);
          return refusal ? Promise.reject(refusal) : Promise.resolve();
        }
      } as unknown as MlopsClient,
      trans
    );
  });

  afterEach(() => {
    deletion.dispose();
    jest.useRealTimers();
  });

  const messages = () => Notification.manager.notifications.map(notice => notice.message);

  it('hides at once and deletes when the undo has run out', async () => {
    deletion.request(['a', 'b']);
    expect([...deletion.hidden]).toEqual(['a', 'b']);
    expect(messages()).toEqual(['2 jobs deleted']);
    expect(deleted).toEqual([]);
    await jest.advanceTimersByTimeAsync(60_000);
    expect(deleted).toEqual(['a', 'b']);
    expect([...deletion.hidden]).toEqual([]);
  });

  it('brings back what was undone, and only that', async () => {
    deletion.request(['a']);
    deletion.request(['b']);
    const [first] = Notification.manager.notifications.filter(
      notice => notice.message === '1 job deleted'
    );
    first.options.actions?.[0].callback(new MouseEvent('click'));
    expect(deletion.hidden.size).toBe(1);
    const [kept] = [...deletion.hidden];
    await jest.advanceTimersByTimeAsync(60_000);
    expect(deleted).toEqual([kept]);
  });

  it('says what could not be deleted, and shows it again', async () => {
    refusal = new MlopsError(409, { code: 'conflict', detail: 'It still runs.' });
    deletion.request(['a']);
    await jest.advanceTimersByTimeAsync(60_000);
    expect(messages()).toContain('1 job could not be deleted: It still runs.');
    expect(deletion.hidden.size).toBe(0);
  });

  it('is content when somebody else was first', async () => {
    refusal = new MlopsError(404, { code: 'not_found', detail: 'No such job.' });
    deletion.request(['a']);
    await jest.advanceTimersByTimeAsync(60_000);
    expect(messages()).toEqual([]);
  });

  it('deletes nothing after the page was closed', async () => {
    deletion.request(['a']);
    deletion.dispose();
    await jest.advanceTimersByTimeAsync(60_000);
    expect(deleted).toEqual([]);
  });
});
