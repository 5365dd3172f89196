/* eslint-disable jupyter/prefer-lazy-imports -- activation needs these at once */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { ILayoutRestorer } from '@jupyterlab/application';
import { ICommandPalette } from '@jupyterlab/apputils';
import { INotebookTracker } from '@jupyterlab/notebook';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';
import { Signal } from '@lumino/signaling';

import { cancelJobs } from '../commands';
import { jobsIcon } from '../icons';
import { CommandIDs, IJobs } from '../tokens';
import { JobsPanelWidget } from '../widgets/panel';

/** The Jobs side panel. */
export const panelPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlops:panel',
  description: 'Shows the jobs in a side panel.',
  autoStart: true,
  requires: [IJobs],
  optional: [INotebookTracker, ILayoutRestorer, ICommandPalette, ITranslator],
  activate: (
    app: JupyterFrontEnd,
    jobs: IJobs,
    notebooks: INotebookTracker | null,
    restorer: ILayoutRestorer | null,
    palette: ICommandPalette | null,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('jupyter_mlops');
    const { commands, shell } = app;
    const panel = new JobsPanelWidget({
      model: jobs.model,
      hidden: () => jobs.deletion.hidden,
      hiddenChanged: jobs.deletion.changed,
      actions: {
        open: id => void commands.execute(CommandIDs.openJob, { id }),
        cancel: ids => void cancelJobs(ids, jobs.model, trans),
        rerun: id => void commands.execute(CommandIDs.rerunJob, { id }),
        remove: ids => jobs.deletion.request(ids)
      },
      runCurrent: () =>
        notebooks?.currentWidget
          ? () => void commands.execute(CommandIDs.runNotebook)
          : undefined,
      currentChanged: notebooks?.currentChanged ?? new Signal(app),
      trans
    });
    shell.add(panel, 'left', { rank: 510, type: 'Jobs' });
    restorer?.add(panel, 'jupyter-mlops-jobs');
    commands.addCommand(CommandIDs.showJobs, {
      label: trans.__('Show Jobs'),
      icon: jobsIcon,
      describedBy: { args: { type: 'object', properties: {} } },
      execute: () => shell.activateById(panel.id)
    });
    palette?.addItem({ command: CommandIDs.showJobs, category: trans.__('Jobs') });
  }
};
