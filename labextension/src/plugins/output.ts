/* eslint-disable jupyter/prefer-lazy-imports -- activation needs these at once */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IRenderMimeRegistry } from '@jupyterlab/rendermime';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { CommandIDs, IJobs } from '../tokens';
import { JOB_MIME_TYPE, JobOutput } from '../widgets/jobOutput';

/** Before ipywidgets' renderer, which needs a living kernel. */
const RANK = -20;

/** Jobs in cell outputs. */
export const outputPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlops:output',
  description: 'Shows the job that a cell started, live, in its output.',
  autoStart: true,
  requires: [IJobs, IRenderMimeRegistry],
  optional: [ITranslator],
  activate: (
    app: JupyterFrontEnd,
    jobs: IJobs,
    rendermime: IRenderMimeRegistry,
    translator: ITranslator | null
  ): void => {
    const trans = (translator ?? nullTranslator).load('jupyter_mlops');
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
