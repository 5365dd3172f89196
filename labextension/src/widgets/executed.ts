import type { ICodeCellModel } from '@jupyterlab/cells';
import { StaticNotebook } from '@jupyterlab/notebook';
import type { TranslationBundle } from '@jupyterlab/translation';
import { PanelLayout, Widget } from '@lumino/widgets';

import type { ExecutionModel } from '../model/execution';
import type { INotebookViewOptions } from './notebookView';

/** Pixels from the end within which the view follows the running cell. */
const FOLLOW_DISTANCE = 80;

/** The executed notebook, growing: JupyterLab's own notebook view, read-only. */
export class ExecutedNotebook extends Widget {
  constructor(private readonly _options: ExecutedNotebook.IOptions) {
    super();
    this.addClass('jp-mlops-executed');
    const layout = (this.layout = new PanelLayout());
    this._empty = new Widget();
    this._empty.addClass('jp-mlops-empty');
    this._empty.node.setAttribute('role', 'status');
    layout.addWidget(this._empty);
    this._showEmpty();
    const { model } = _options;
    model.notebookChanged.connect(this._onNotebook, this);
    model.cellChanged.connect(this._onCell, this);
    model.changed.connect(this._showEmpty, this);
  }

  /** Whether scripts and HTML of the outputs may run. */
  get trusted(): boolean {
    return this._trusted;
  }

  trust(): void {
    this._trusted = true;
    const notebook = this._options.model.notebook;
    for (const cell of notebook?.cells ?? []) {
      cell.trusted = true;
    }
  }

  dispose(): void {
    if (!this.isDisposed) {
      const { model } = this._options;
      model.notebookChanged.disconnect(this._onNotebook, this);
      model.cellChanged.disconnect(this._onCell, this);
      model.changed.disconnect(this._showEmpty, this);
      super.dispose();
    }
  }

  private _onNotebook(): void {
    const { model } = this._options;
    this._view?.dispose();
    this._view = null;
    this._showEmpty();
    if (!model.notebook) {
      return;
    }
    const view = new StaticNotebook({
      rendermime: this._options.rendermime,
      contentFactory: this._options.contentFactory,
      mimeTypeService: this._options.mimeTypeService,
      notebookConfig: {
        ...StaticNotebook.defaultNotebookConfig,
        windowingMode: 'full'
      }
    });
    view.addClass('jp-mlops-notebook');
    view.model = model.notebook;
    if (this._trusted) {
      this.trust();
    }
    this._view = view;
    (this.layout as PanelLayout).addWidget(view);
    for (let index = 0; index < model.notebook.cells.length; index++) {
      this._onCell(model, index);
    }
  }

  private _onCell(model: ExecutionModel, index: number): void {
    const cell = this._view?.widgets[index];
    if (!cell) {
      return;
    }
    const status = model.status(index);
    cell.readOnly = true;
    cell.node.dataset.mlopsStatus = status;
    if (cell.model.type === 'code') {
      if (status === 'running') {
        (cell.model as ICodeCellModel).executionState = 'running';
        this._follow(index);
      }
    }
  }

  /** Keep the running cell in view, unless the person has scrolled away to read. */
  private _follow(index: number): void {
    const view = this._view;
    if (!view || !this.isVisible) {
      return;
    }
    const before = view.widgets[Math.max(0, index - 1)]?.node.getBoundingClientRect();
    const frame = this.node.getBoundingClientRect();
    if (
      before &&
      before.top < frame.bottom + FOLLOW_DISTANCE &&
      before.bottom > frame.top
    ) {
      void view.scrollToItem(index, 'smart');
    }
  }

  private _showEmpty(): void {
    const { model, trans } = this._options;
    const text = model.problem
      ? model.problem.detail
      : trans.__('The executed notebook appears here when the job has started.');
    this._empty.node.textContent = text;
    this._empty.setHidden(model.notebook !== null);
  }

  private _view: StaticNotebook | null = null;
  private _empty: Widget;
  private _trusted = false;
}

export namespace ExecutedNotebook {
  export interface IOptions extends INotebookViewOptions {
    model: ExecutionModel;
    trans: TranslationBundle;
  }
}
