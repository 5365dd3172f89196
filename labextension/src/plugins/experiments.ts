/* eslint-disable jupyter/prefer-lazy-imports -- activation needs these at once */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';

import { experimentsIcon } from '../runIcons';
import { ExperimentsModel } from '../model/experiments';
import { CommandIDs, IJobs, IPlaces } from '../tokens';
import { ExperimentsPanelWidget } from '../widgets/experimentsPanel';

/** The Experiments side panel. */
export const experimentsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlops:experiments',
  description: 'Shows experiments and their newest runs in a side panel.',
  autoStart: true,
  requires: [IJobs, IPlaces],
  activate: (app: JupyterFrontEnd, jobs: IJobs, places: IPlaces): void => {
    const { commands } = app;
    const { trans } = places;
    const execute = (command: string, args: Record<string, string>): void => {
      if (commands.hasCommand(command)) {
        void commands.execute(command, args);
      }
    };
    const panel = new ExperimentsPanelWidget({
      model: new ExperimentsModel(jobs.model.client),
      openRun: run => execute(CommandIDs.openRun, { run }),
      openTable: (experiment, text) =>
        execute(
          CommandIDs.openRuns,
          experiment === null ? { filter: text } : { experiment }
        ),
      trans
    });
    places.addPanel(panel, {
      command: CommandIDs.showExperiments,
      label: trans.__('Show Experiments'),
      icon: experimentsIcon,
      category: trans.__('Experiments'),
      type: 'Experiments',
      rank: 511
    });
  }
};
