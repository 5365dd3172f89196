import { URLExt } from '@jupyterlab/coreutils';
import type { ServerConnection } from '@jupyterlab/services';
import type { IDisposable } from '@lumino/disposable';
import { DisposableDelegate } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';

import type { IProblemDocument } from './types';

/** What one subscription wants to hear. */
export interface ISubscription<T> {
  /** The followable path, asked for again at every (re)connection: it carries the cursor. */
  path: () => string;
  next: (line: T) => void;
  /** The server has nothing more to say. */
  end?: () => void;
  /** The server refused; a lost connection is not an error: it is opened again. */
  error?: (problem: IProblemDocument) => void;
}

interface IMessage {
  id: string;
  data?: unknown;
  end?: boolean;
  error?: IProblemDocument;
}

/** Refusals that another try can mend: the daemon restarted, or this browser was too slow. */
const TRANSIENT = new Set(['daemon_gone', 'daemon_unreachable', 'busy', 'slow_reader']);
const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 15_000;

/**
 * One WebSocket for every live view: subscriptions are multiplexed, and come back by themselves,
 * each from its own cursor, after the network or the server was gone.
 */
export class MlopsStream implements IDisposable {
  constructor(serverSettings: ServerConnection.ISettings) {
    this._settings = serverSettings;
    window.addEventListener('online', this._reconnectNow);
    window.addEventListener('offline', this._drop);
  }

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  /** Whether the socket is open; views say so when it isn't. */
  get connected(): boolean {
    return this._socket?.readyState === 1;
  }

  get connectedChanged(): ISignal<this, boolean> {
    return this._connectedChanged;
  }

  subscribe<T>(subscription: ISubscription<T>): IDisposable {
    const id = String(++this._lastId);
    this._subscriptions.set(id, subscription as ISubscription<unknown>);
    if (this.connected) {
      this._open(id);
    } else {
      this._connect();
    }
    return new DisposableDelegate(() => {
      if (this._subscriptions.delete(id) && this.connected) {
        this._send({ op: 'close', id });
      }
    });
  }

  dispose(): void {
    if (this._isDisposed) {
      return;
    }
    this._isDisposed = true;
    window.removeEventListener('online', this._reconnectNow);
    window.removeEventListener('offline', this._drop);
    window.clearTimeout(this._timer);
    this._subscriptions.clear();
    this._socket?.close();
    Signal.clearData(this);
  }

  private _connect(): void {
    if (this._isDisposed || (this._socket && this._socket.readyState <= 1)) {
      return;
    }
    window.clearTimeout(this._timer);
    let url = URLExt.join(this._settings.wsUrl, 'mlops/stream');
    if (this._settings.appendToken && this._settings.token) {
      url += `?token=${encodeURIComponent(this._settings.token)}`;
    }
    const socket = new this._settings.WebSocket(url);
    this._socket = socket;
    socket.onopen = () => {
      if (this._socket !== socket) {
        socket.close();
        return;
      }
      this._delay = FIRST_RETRY_MS;
      for (const id of this._subscriptions.keys()) {
        this._open(id);
      }
      this._connectedChanged.emit(true);
    };
    socket.onmessage = event => {
      this._receive(JSON.parse(String(event.data)) as IMessage);
    };
    socket.onclose = () => {
      if (this._socket !== socket) {
        return;
      }
      this._socket = null;
      if (!this._isDisposed) {
        this._connectedChanged.emit(false);
        this._retry();
      }
    };
  }

  private _retry(): void {
    if (!this._subscriptions.size) {
      return;
    }
    window.clearTimeout(this._timer);
    // Spread, so that a restarted server doesn't meet every tab at the same instant.
    this._timer = window.setTimeout(
      () => this._connect(),
      this._delay * (0.75 + Math.random() / 2)
    );
    this._delay = Math.min(this._delay * 2, LONGEST_RETRY_MS);
  }

  private _receive(message: IMessage): void {
    const subscription = this._subscriptions.get(message.id);
    if (!subscription) {
      return;
    }
    if (message.error) {
      if (TRANSIENT.has(message.error.code)) {
        window.setTimeout(() => {
          if (this._subscriptions.has(message.id) && this.connected) {
            this._open(message.id);
          }
        }, this._delay);
        this._delay = Math.min(this._delay * 2, LONGEST_RETRY_MS);
        return;
      }
      this._subscriptions.delete(message.id);
      subscription.error?.(message.error);
    } else if (message.end) {
      this._subscriptions.delete(message.id);
      subscription.end?.();
    } else {
      this._delay = FIRST_RETRY_MS;
      subscription.next(message.data);
    }
  }

  private _open(id: string): void {
    const subscription = this._subscriptions.get(id);
    if (subscription) {
      this._send({ op: 'open', id, path: subscription.path() });
    }
  }

  private _send(message: object): void {
    this._socket?.send(JSON.stringify(message));
  }

  /** A socket of a network that is gone can look open for minutes: it isn't believed. */
  private _drop = (): void => {
    const socket = this._socket;
    if (socket) {
      this._socket = null;
      socket.close();
      this._connectedChanged.emit(false);
      this._retry();
    }
  };

  private _reconnectNow = (): void => {
    this._drop();
    if (this._subscriptions.size) {
      this._delay = FIRST_RETRY_MS;
      this._connect();
    }
  };

  private _settings: ServerConnection.ISettings;
  private _socket: WebSocket | null = null;
  private _subscriptions = new Map<string, ISubscription<unknown>>();
  private _lastId = 0;
  private _delay = FIRST_RETRY_MS;
  private _timer = 0;
  private _isDisposed = false;
  private _connectedChanged = new Signal<this, boolean>(this);
}
