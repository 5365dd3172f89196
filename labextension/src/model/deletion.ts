import { Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { MlopsClient } from '../api/client';
import { MlopsError } from '../api/client';

const UNDO_MS = 7_000;

/**
 * Deletion with undo: jobs vanish from view at once and from the store when the undo has run out.
 * A page that is closed before keeps them.
 */
export class Deletion implements IDisposable {
  constructor(
    private readonly _client: MlopsClient,
    private readonly _trans: TranslationBundle
  ) {}

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Ids not to be shown. */
  get hidden(): ReadonlySet<string> {
    return this._hidden;
  }

  get changed(): ISignal<this, void> {
    return this._changed;
  }

  request(ids: readonly string[]): void {
    if (!ids.length) {
      return;
    }
    this._hidden = new Set([...this._hidden, ...ids]);
    this._changed.emit();
    const trans = this._trans;
    const timer = window.setTimeout(() => {
      this._timers.delete(timer);
      Notification.dismiss(notice);
      void this._delete(ids);
    }, UNDO_MS);
    this._timers.add(timer);
    const notice = Notification.info(
      trans._n('%1 job deleted', '%1 jobs deleted', ids.length),
      {
        autoClose: UNDO_MS,
        actions: [
          {
            label: trans.__('Undo'),
            callback: () => {
              window.clearTimeout(timer);
              this._timers.delete(timer);
              this._show(ids);
            }
          }
        ]
      }
    );
  }

  dispose(): void {
    if (!this._isDisposed) {
      this._isDisposed = true;
      this._timers.forEach(timer => window.clearTimeout(timer));
      Signal.clearData(this);
    }
  }

  private async _delete(ids: readonly string[]): Promise<void> {
    const failed: string[] = [];
    for (const id of ids) {
      try {
        await this._client.delete(id);
      } catch (error) {
        if (!(error instanceof MlopsError)) {
          throw error;
        }
        if (error.status !== 404) {
          failed.push(error.message);
        }
      }
    }
    this._show(ids);
    if (failed.length) {
      Notification.error(
        this._trans._n(
          '%1 job could not be deleted: %2',
          '%1 jobs could not be deleted: %2',
          failed.length,
          failed[0]
        )
      );
    }
  }

  private _show(ids: readonly string[]): void {
    const next = new Set(this._hidden);
    ids.forEach(id => next.delete(id));
    this._hidden = next;
    this._changed.emit();
  }

  private _hidden: ReadonlySet<string> = new Set();
  private _timers = new Set<number>();
  private _isDisposed = false;
  private _changed = new Signal<this, void>(this);
}
