import { ServerConnection } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import type { MlopsClient } from '../api/client';

/** Older text is dropped from view above this; the file keeps all. */
const SHOWN_CHARACTERS = 500_000;

/** Pixels from the end within which the view follows what is appended. */
const FOLLOW_DISTANCE = 30;

/** The log of a job, appended to while it is written. */
export class JobLog extends Widget {
  constructor(
    private readonly _client: MlopsClient,
    private readonly _jobId: string,
    trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-mlops-log');
    this._cut = document.createElement('p');
    this._cut.textContent = trans.__(
      'Older lines are left out here; the log file has all.'
    );
    this._cut.hidden = true;
    this._text = document.createElement('pre');
    this._text.tabIndex = 0;
    this._text.setAttribute('role', 'log');
    this._text.setAttribute('aria-label', trans.__('Log'));
    this._text.dataset.empty = trans.__('Nothing has been printed yet.');
    this.node.append(this._cut, this._text);
  }

  /** Another attempt writes another log. */
  reset(): void {
    this._offset = 0;
    this._length = 0;
    this._generation++;
    this._decoder = new TextDecoder();
    this._text.textContent = '';
    this._cut.hidden = true;
    if (this.isVisible) {
      void this.refresh();
    }
  }

  /** Fetch what is new; called when the job has changed or the view is shown. */
  async refresh(): Promise<void> {
    if (this._busy) {
      this._again = true;
      return;
    }
    this._busy = true;
    try {
      await this._fetch();
    } finally {
      this._busy = false;
      if (this._again && !this.isDisposed) {
        this._again = false;
        void this.refresh();
      }
    }
  }

  protected onAfterShow(): void {
    void this.refresh();
  }

  /** Read piece by piece: of a huge log only the end is kept in memory. */
  private async _fetch(): Promise<void> {
    const generation = this._generation;
    let response: Response;
    try {
      response = await ServerConnection.makeRequest(
        this._client.url(`jobs/${this._jobId}/log?offset=${this._offset}`),
        {},
        this._client.serverSettings
      );
    } catch (error) {
      if (error instanceof ServerConnection.NetworkError) {
        // The next change of the job, or opening the view, asks again.
        return;
      }
      throw error;
    }
    const reader = response.ok ? response.body?.getReader() : undefined;
    let tail = '';
    for (;;) {
      const piece = await reader?.read();
      if (generation !== this._generation || this.isDisposed) {
        await reader?.cancel();
        return;
      }
      if (!piece || piece.done) {
        break;
      }
      this._offset += piece.value.byteLength;
      tail += this._decoder.decode(piece.value, { stream: true });
      if (tail.length > 2 * SHOWN_CHARACTERS) {
        tail = tail.slice(-SHOWN_CHARACTERS);
        this._cut.hidden = false;
      }
    }
    this._append(tail);
  }

  private _append(text: string): void {
    if (!text) {
      return;
    }
    const { node } = this;
    const following =
      node.scrollTop + node.clientHeight >= node.scrollHeight - FOLLOW_DISTANCE;
    if (text.length > SHOWN_CHARACTERS) {
      text = text.slice(text.length - SHOWN_CHARACTERS);
      this._cut.hidden = false;
    }
    this._text.append(document.createTextNode(text));
    this._length += text.length;
    while (this._length > SHOWN_CHARACTERS) {
      const first = this._text.firstChild as Text;
      const excess = this._length - SHOWN_CHARACTERS;
      if (first.length > excess) {
        first.deleteData(0, excess);
        this._length -= excess;
      } else {
        this._length -= first.length;
        first.remove();
      }
      this._cut.hidden = false;
    }
    if (following) {
      node.scrollTop = node.scrollHeight;
    }
  }

  private _cut: HTMLParagraphElement;
  private _text: HTMLPreElement;
  private _decoder = new TextDecoder();
  private _offset = 0;
  /** Characters shown. */
  private _length = 0;
  private _generation = 0;
  private _busy = false;
  private _again = false;
}
