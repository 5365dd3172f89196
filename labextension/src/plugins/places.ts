import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { IPlaces } from '../tokens';
import { Documents } from '../widgets/documents';

/** Where the other plugins put what they show. */
export const placesPlugin: JupyterFrontEndPlugin<IPlaces> = {
  id: 'jupyter-mlops:places',
  description: 'Gives panels, documents and commands their places in JupyterLab.',
  autoStart: true,
  provides: IPlaces,
  optional: [ILayoutRestorer, ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ): IPlaces => {
    const trans = (translator ?? nullTranslator).load('jupyter_mlops');
    const { commands, shell } = app;
    const addToPalette = (command: string, category: string): void => {
      palette?.addItem({ command, category });
    };
    return {
      trans,
      addToPalette,
      addPanel: (panel, { command, label, icon, category, type, rank }) => {
        shell.add(panel, 'left', { rank, type });
        restorer?.add(panel, panel.id);
        commands.addCommand(command, {
          label,
          icon,
          describedBy: { args: { type: 'object', properties: {} } },
          execute: () => shell.activateById(panel.id)
        });
        addToPalette(command, category);
      },
      documents: options => new Documents(shell, restorer, options)
    };
  }
};
