import { ServerConnection } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import { Widget } from '@lumino/widgets';

import type { MlopsClient } from '../api/client';

/** Older text is dropped from view above this; the file keeps all. */
const SHOWN_CHARACTERS = 1_000_000;

/** The log of a job, appended to while it is written. */
export class JobLog extends Widget {
  constructor(
    private readonly _client: MlopsClient,
    private readonly _jobId: string,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-mlops-log');
    this.node.tabIndex = 0;
    this.node.setAttribute('role', 'log');
    this.node.setAttribute('aria-label', _trans.__('Log'));
    this._text = document.createElement('pre');
    this.node.append(this._text);
    this._show();
  }

  /** Another attempt writes another log. */
  reset(): void {
    this._offset = 0;
    this._generation++;
    this._text.textContent = '';
    void this.refresh();
  }

  /** Fetch what is new; called when the job has changed or the view is shown. */
  async refresh(): Promise<void> {
    if (this._busy) {
      this._again = true;
      return;
    }
    this._busy = true;
    const generation = this._generation;
    try {
      const response = await ServerConnection.makeRequest(
        this._client.url(`jobs/${this._jobId}/log?offset=${this._offset}`),
        {},
        this._client.serverSettings
      );
      if (response.ok) {
        const bytes = await response.arrayBuffer();
        if (generation === this._generation && !this.isDisposed) {
          this._offset += bytes.byteLength;
          this._append(this._decoder.decode(bytes, { stream: true }));
        }
      }
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

  private _append(text: string): void {
    if (text) {
      const { node } = this;
      const following = node.scrollTop + node.clientHeight >= node.scrollHeight - 30;
      this._text.append(document.createTextNode(text));
      let length = this._text.textContent?.length ?? 0;
      while (length > SHOWN_CHARACTERS && this._text.childNodes.length > 1) {
        length -= this._text.firstChild?.textContent?.length ?? 0;
        this._text.firstChild?.remove();
      }
      if (following) {
        node.scrollTop = node.scrollHeight;
      }
    }
    this._show();
  }

  private _show(): void {
    this._text.dataset.empty = this._text.childNodes.length
      ? ''
      : this._trans.__('Nothing has been printed yet.');
  }

  private _text: HTMLPreElement;
  private _decoder = new TextDecoder();
  private _offset = 0;
  private _generation = 0;
  private _busy = false;
  private _again = false;
}
