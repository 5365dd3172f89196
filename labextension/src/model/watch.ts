import type { IDisposable } from '@lumino/disposable';
import { Poll } from '@lumino/polling';

const OFTEN_MS = 2_000;
/** Where the server can't say that nothing is new, every look is a full one. */
export const SELDOM_MS = 10_000;
const LONGEST_MS = 60_000;
/** A look that takes long comes so much less often. */
const SHARE = 10;

/**
 * Looks again and again whether something is new, while somebody can see it: not in a hidden tab,
 * not for a hidden panel, and ever less often while the server doesn't answer.
 */
export class Watch implements IDisposable {
  /**
   * @param look - Asks and takes the answer; false where the server couldn't say that nothing is
   * new, and an error when it doesn't answer.
   * @param isShown - Whether anybody sees it.
   * @param paced - Told whenever `seconds` is another number.
   */
  constructor(look: () => Promise<boolean>, isShown: () => boolean, paced?: () => void) {
    this._poll = new Poll({
      auto: false,
      name: 'jupyter-mlops:watch',
      factory: async () => {
        const began = performance.now();
        const cheap = await look();
        // The first look wakes who asks the server, and tells nothing of the next ones.
        const took = this._looked ? performance.now() - began : 0;
        this._looked = true;
        const interval = Math.max(cheap ? OFTEN_MS : SELDOM_MS, SHARE * took);
        const { frequency } = this._poll;
        this._poll.frequency = { ...frequency, interval: Math.min(interval, LONGEST_MS) };
        const seconds = cheap ? null : Math.round(this._poll.frequency.interval / 1000);
        if (seconds !== this._seconds) {
          this._seconds = seconds;
          paced?.();
        }
      },
      frequency: { interval: OFTEN_MS, backoff: 2, max: LONGEST_MS },
      standby: () => document.hidden || !isShown()
    });
    document.addEventListener('visibilitychange', this._onVisible);
  }

  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  /** Seconds between two looks; null where whatever is new is seen at once. */
  get seconds(): number | null {
    return this._seconds;
  }

  start(): void {
    void this._poll.start();
  }

  /** Look at once: something was shown again, or changed by ourselves. */
  now(): void {
    if (this._poll.state.phase !== 'constructed') {
      void this._poll.refresh();
    }
  }

  dispose(): void {
    document.removeEventListener('visibilitychange', this._onVisible);
    this._poll.dispose();
  }

  private _onVisible = (): void => {
    if (!document.hidden) {
      this.now();
    }
  };

  private _poll: Poll;
  private _looked = false;
  private _seconds: number | null = null;
}
