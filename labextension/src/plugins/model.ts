/* eslint-disable jupyter/prefer-lazy-imports -- activation needs these at once */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { ITranslator, nullTranslator } from '@jupyterlab/translation';

import { MlopsClient } from '../api/client';
import { MlopsStream } from '../api/stream';
import { addJobCommands } from '../commands';
import { Deletion } from '../model/deletion';
import { JobsModel } from '../model/jobs';
import { CommandIDs, IJobs } from '../tokens';

/** The live jobs, the commands on them, and a toast when one ends. */
export const modelPlugin: JupyterFrontEndPlugin<IJobs> = {
  id: 'jupyter-mlops:model',
  description: 'Keeps the jobs of the daemon live in JupyterLab.',
  autoStart: true,
  provides: IJobs,
  optional: [ITranslator],
  activate: (app: JupyterFrontEnd, translator: ITranslator | null): IJobs => {
    const trans = (translator ?? nullTranslator).load('jupyter_mlops');
    const { serverSettings } = app.serviceManager;
    const client = new MlopsClient(serverSettings);
    const stream = new MlopsStream(serverSettings);
    const model = new JobsModel(client, stream);
    const deletion = new Deletion(client, trans);
    addJobCommands(app, model, deletion, trans);

    model.ended.connect((_, job) => {
      const actions: Notification.IAction[] = [
        {
          label: trans.__('Open'),
          callback: () => void app.commands.execute(CommandIDs.openJob, { id: job.id })
        }
      ];
      if (job.state === 'succeeded') {
        Notification.success(trans.__('%1 succeeded', job.name), {
          actions,
          autoClose: 6000
        });
      } else if (job.state === 'failed') {
        const why = job.failure?.message ?? '';
        Notification.error(trans.__('%1 failed. %2', job.name, why), {
          actions,
          autoClose: false
        });
      } else {
        Notification.info(trans.__('%1 was cancelled', job.name), {
          actions,
          autoClose: 4000
        });
      }
    });
    void app.restored.then(() => model.start());
    return { model, deletion };
  }
};
