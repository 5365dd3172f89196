/* eslint-disable jupyter/prefer-lazy-imports -- activation needs these at once */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';

import { CommandIDs, IJobs, IPlaces } from '../tokens';
import { JOB_MIME_TYPE, JobOutput } from '../widgets/jobOutput';

/** Before ipywidgets' renderer, which needs a living kernel. */
const RANK = -20;

/** Jobs in cell outputs. */
export const outputPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlops:output',
  description: 'Shows the job that a cell started, live, in its output.',
  autoStart: true,
  requires: [IJobs, IPlaces, IRenderMimeRegistry],
  activate: (
    app: JupyterFrontEnd,
    jobs: IJobs,
    places: IPlaces,
    rendermime: IRenderMimeRegistry
  ): void => {
    const { trans } = places;
    const execute = (command: string) => (id: string) => {
      void app.commands.execute(command, { id });
    };
    rendermime.addFactory(
      {
        // It shows text of the API only, whatever the notebook says.
        safe: true,
        mimeTypes: [JOB_MIME_TYPE],
        createRenderer: () =>
          new JobOutput({
            model: jobs.model,
            actions: {
              open: execute(CommandIDs.openJob),
              cancel: execute(CommandIDs.cancelJob),
              rerun: execute(CommandIDs.rerunJob)
            },
            trans
          })
      },
      RANK
    );
  }
};
