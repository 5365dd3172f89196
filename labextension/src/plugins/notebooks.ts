import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IEditorServices } from '@jupyterlab/codeeditor';
import { NotebookPanel } from '@jupyterlab/notebook';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';

import { INotebookLook } from '../tokens';

/** Executed notebooks look as JupyterLab's own. */
export const notebooksPlugin: JupyterFrontEndPlugin<INotebookLook> = {
  id: 'jupyter-mlops:notebooks',
  description: 'Gives executed notebooks the look of JupyterLab’s own.',
  autoStart: true,
  provides: INotebookLook,
  requires: [IRenderMimeRegistry, IEditorServices, NotebookPanel.IContentFactory],
  activate: (
    _: JupyterFrontEnd,
    rendermime: IRenderMimeRegistry,
    editor: IEditorServices,
    contentFactory: NotebookPanel.IContentFactory
  ): INotebookLook => ({
    options: () => ({
      rendermime: rendermime.clone(),
      contentFactory,
      mimeTypeService: editor.mimeTypeService
    })
  })
};
