import { MlopsError } from '../api/client';

/**
 * What a model asks the server for: whether an answer is still waited for, what was refused, and
 * whether something else has been asked since.
 */
export class Questions {
  /** @param changed - Called when one begins or ends. */
  constructor(private readonly _changed: () => void) {}

  /** The number of what was asked last; an answer to an older one comes too late. */
  get latest(): number {
    return this._latest;
  }

  get waiting(): boolean {
    return this._waiting > 0;
  }

  /** It was refused; what is shown answers an older one. */
  get refusal(): MlopsError | null {
    return this._refusal;
  }

  /** The refusal, or why what is shown couldn't be renewed or completed. */
  get error(): MlopsError | null {
    return this._refusal ?? this._trouble;
  }

  isLatest(number: number): boolean {
    return number === this._latest;
  }

  /** Something else is asked from now on. */
  begin(): number {
    return ++this._latest;
  }

  answered(): void {
    this._refusal = null;
  }

  refused(error: MlopsError): void {
    this._refusal = error;
    this._trouble = null;
  }

  /** Ask, and tell what failed, unless something else has been asked meanwhile. */
  async ask(
    number: number,
    ask: () => Promise<void>,
    failed?: (error: MlopsError) => void
  ): Promise<void> {
    this._waiting++;
    this._changed();
    try {
      await ask();
      if (this.isLatest(number)) {
        this._trouble = null;
      }
    } catch (error) {
      if (!(error instanceof MlopsError)) {
        throw error;
      }
      if (this.isLatest(number)) {
        this._trouble = error;
      }
      failed?.(error);
    } finally {
      this._waiting--;
      this._changed();
    }
  }

  private _latest = 0;
  private _waiting = 0;
  private _refusal: MlopsError | null = null;
  private _trouble: MlopsError | null = null;
}
