import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';

import type { Job } from '../api/types';

/** As many notifications of single jobs at once; of more there is one for all. */
const SINGLE = 3;
/** How long one that needs nobody stays, which is also what "at once" means. */
const STAYS_MS = 6000;

export interface IAnnouncementActions {
  open: (job: Job) => void;
  showJobs: () => void;
}

/** Says that jobs have ended, and doesn't cover the window when a hundred of them do. */
export class Announcements implements IDisposable {
  constructor(
    private readonly _actions: IAnnouncementActions,
    private readonly _trans: TranslationBundle
  ) {}

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** A job has ended. */
  announce(job: Job): void {
    if (this._isDisposed) {
      return;
    }
    window.clearTimeout(this._timer);
    this._timer = window.setTimeout(() => this._settle(), STAYS_MS);
    this._shown += 1;
    if (this._shown <= SINGLE) {
      this._single(job);
    } else {
      this._more += 1;
      this._failed += job.state === 'failed' ? 1 : 0;
      this._summarize();
    }
  }

  dispose(): void {
    this._isDisposed = true;
    window.clearTimeout(this._timer);
  }

  private _single(job: Job): void {
    const trans = this._trans;
    const actions = [{ label: trans.__('Open'), callback: () => this._actions.open(job) }];
    if (job.state === 'succeeded') {
      const autoClose = STAYS_MS;
      Notification.success(trans.__('%1 succeeded', job.name), { actions, autoClose });
    } else if (job.state === 'failed') {
      const why = job.failure?.message ?? '';
      const message = trans.__('%1 failed. %2', job.name, why);
      Notification.error(message, { actions, autoClose: false });
    } else {
      const autoClose = STAYS_MS;
      Notification.info(trans.__('%1 was cancelled', job.name), { actions, autoClose });
    }
  }

  private _summarize(): void {
    const trans = this._trans;
    const ended = trans._n('%1 more job has ended', '%1 more jobs have ended', this._more);
    const failed = trans._n('%1 of them failed', '%1 of them failed', this._failed);
    const message = this._failed ? `${ended}. ${failed}.` : `${ended}.`;
    const type = this._failed ? 'error' : 'info';
    const autoClose = this._failed ? false : STAYS_MS;
    const actions = [
      { label: trans.__('Show Jobs'), callback: () => this._actions.showJobs() }
    ];
    const id = this._summary;
    if (!id || !Notification.update({ id, message, type, autoClose, actions })) {
      this._summary = Notification.emit(message, type, { autoClose, actions });
    }
  }

  /** Nothing has ended for a while: what comes now is news of its own. */
  private _settle(): void {
    this._shown = this._more = this._failed = 0;
    this._summary = '';
  }

  private _shown = 0;
  private _more = 0;
  private _failed = 0;
  private _summary = '';
  private _timer = 0;
  private _isDisposed = false;
}
