import type { IDisposable } from '@lumino/disposable';

/**
 * Does something soon after it was asked for, once for all who ask until then. It is done again for
 * who asks while it is being done: what it finds may be from before.
 */
export class Renewal implements IDisposable {
  /**
   * @param renew - Tells itself what fails.
   * @param delay - Milliseconds; not put off by who asks within them.
   */
  constructor(
    private readonly _renew: () => Promise<void>,
    private readonly _delay: number
  ) {}

  get isDisposed(): boolean {
    return this._isDisposed;
  }

  ask(): void {
    if (this._isDisposed || this._timer !== undefined) {
      return;
    }
    if (this._busy) {
      this._again = true;
      return;
    }
    this._timer = setTimeout(() => void this._do(), this._delay);
  }

  dispose(): void {
    this._isDisposed = true;
    clearTimeout(this._timer);
  }

  private async _do(): Promise<void> {
    this._timer = undefined;
    this._busy = true;
    this._again = false;
    try {
      await this._renew();
    } finally {
      this._busy = false;
      if (this._again) {
        this.ask();
      }
    }
  }

  private _timer: ReturnType<typeof setTimeout> | undefined;
  private _busy = false;
  private _again = false;
  private _isDisposed = false;
}
