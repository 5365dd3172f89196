/* eslint-disable jupyter/prefer-lazy-imports -- activation needs these at once */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { INotebookTracker } from '@jupyterlab/notebook';
import { Signal } from '@lumino/signaling';

import { cancelJobs } from '../commands';
import { jobsIcon } from '../icons';
import { CommandIDs, IJobs, IPlaces } from '../tokens';
import { JobsPanelWidget } from '../widgets/panel';

/** The Jobs side panel. */
export const panelPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlops:panel',
  description: 'Shows the jobs in a side panel.',
  autoStart: true,
  requires: [IJobs, IPlaces],
  optional: [INotebookTracker],
  activate: (
    app: JupyterFrontEnd,
    jobs: IJobs,
    places: IPlaces,
    notebooks: INotebookTracker | null
  ): void => {
    const { trans } = places;
    const { commands } = app;
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
    places.addPanel(panel, {
      command: CommandIDs.showJobs,
      label: trans.__('Show Jobs'),
      icon: jobsIcon,
      category: trans.__('Jobs'),
      type: 'Jobs',
      rank: 510
    });
  }
};
