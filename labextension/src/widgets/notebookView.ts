import type { IEditorMimeTypeService } from '@jupyterlab/codeeditor';
import type * as nbformat from '@jupyterlab/nbformat';
import { NotebookModel, StaticNotebook } from '@jupyterlab/notebook';
import type { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { PanelLayout, Widget } from '@lumino/widgets';

export interface INotebookViewOptions {
  rendermime: IRenderMimeRegistry;
  contentFactory: StaticNotebook.IContentFactory;
  mimeTypeService: IEditorMimeTypeService;
}

/** A notebook to be looked at: JupyterLab's own view, read-only; its outputs run no scripts. */
export class NotebookView extends Widget {
  constructor(notebook: object, options: INotebookViewOptions) {
    super();
    this.addClass('jp-mlops-executed');
    const layout = (this.layout = new PanelLayout());
    this._model = new NotebookModel();
    this._model.fromJSON(notebook as nbformat.INotebookContent);
    for (let index = 0; index < this._model.cells.length; index++) {
      this._model.cells.get(index).trusted = false;
    }
    this._model.readOnly = true;
    const view = new StaticNotebook({
      ...options,
      notebookConfig: { ...StaticNotebook.defaultNotebookConfig, windowingMode: 'full' }
    });
    view.addClass('jp-mlops-notebook');
    view.model = this._model;
    view.widgets.forEach(cell => (cell.readOnly = true));
    layout.addWidget(view);
  }

  dispose(): void {
    if (!this.isDisposed) {
      super.dispose();
      this._model.dispose();
    }
  }

  private _model: NotebookModel;
}
