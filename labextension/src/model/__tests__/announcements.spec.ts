import { Notification } from '@jupyterlab/apputils';
import { nullTranslator } from '@jupyterlab/translation';

import type { Job, State } from '../../api/types';
import { Announcements } from '../announcements';

const trans = nullTranslator.load('jupyter_mlops');

describe('Announcements', () => {
  let opened: string[];
  let announcements: Announcements;

  beforeEach(() => {
    jest.useFakeTimers();
    Notification.dismiss();
    opened = [];
    announcements = new Announcements(
      { open: job => opened.push(job.id), showJobs: () => opened.push('all') },
      trans
    );
  });

  afterEach(() => {
    announcements.dispose();
    jest.useRealTimers();
  });

  const end = (id: string, state: State = 'succeeded') =>
    announcements.announce({
      id,
      name: `job ${id}`,
      state,
      failure: state === 'failed' ? { message: 'Cell 1 raised.' } : null
    } as unknown as Job);
  const notices = () => Notification.manager.notifications;
  const messages = () => notices().map(notice => notice.message);

  it('says of each job how it ended, and opens it', () => {
    end('a');
    end('b', 'failed');
    end('c', 'cancelled');
    expect(messages().sort()).toEqual([
      'job a succeeded',
      'job b failed. Cell 1 raised.',
      'job c was cancelled'
    ]);
    const failed = notices().find(notice => notice.type === 'error');
    expect(failed?.options.autoClose).toBe(false);
    failed?.options.actions?.[0].callback(new MouseEvent('click'));
    expect(opened).toEqual(['b']);
  });

  it('says of a hundred jobs at once what fits into one notification', () => {
    for (let index = 0; index < 100; index++) {
      end(String(index), index % 50 === 49 ? 'failed' : 'succeeded');
    }
    expect(notices()).toHaveLength(4);
    expect(messages()).toContain('97 more jobs have ended. 2 of them failed.');
    const summary = notices().find(notice => notice.type === 'error');
    expect(summary?.options.autoClose).toBe(false);
    summary?.options.actions?.[0].callback(new MouseEvent('click'));
    expect(opened).toEqual(['all']);
  });

  it('comes again when its notification was closed while more jobs end', () => {
    for (const id of ['a', 'b', 'c', 'd']) {
      end(id);
    }
    expect(messages()).toContain('1 more job has ended.');
    Notification.dismiss();
    end('e');
    expect(messages()).toEqual(['2 more jobs have ended.']);
  });

  it('speaks of single jobs again after a while', () => {
    for (const id of ['a', 'b', 'c', 'd']) {
      end(id);
    }
    jest.advanceTimersByTime(7000);
    Notification.dismiss();
    end('e');
    expect(messages()).toEqual(['job e succeeded']);
  });
});
