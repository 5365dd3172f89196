/* eslint-disable jupyter/prefer-lazy-imports -- activation needs these at once */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';

import { MlopsClient } from '../api/client';
import { MlopsStream } from '../api/stream';
import { addJobCommands } from '../commands';
import { Announcements } from '../model/announcements';
import { Deletion } from '../model/deletion';
import { JobsModel } from '../model/jobs';
import { CommandIDs, IJobs, IPlaces } from '../tokens';

/** The live jobs, the commands on them, and a toast when one ends. */
export const modelPlugin: JupyterFrontEndPlugin<IJobs> = {
  id: 'jupyter-mlops:model',
  description: 'Keeps the jobs of the daemon live in JupyterLab.',
  autoStart: true,
  provides: IJobs,
  requires: [IPlaces],
  activate: (app: JupyterFrontEnd, places: IPlaces): IJobs => {
    const { trans } = places;
    const { serverSettings } = app.serviceManager;
    const client = new MlopsClient(serverSettings);
    const stream = new MlopsStream(serverSettings);
    const model = new JobsModel(client, stream);
    const deletion = new Deletion(client, trans);
    addJobCommands(app, model, deletion, trans);

    const announcements = new Announcements(
      {
        open: job => void app.commands.execute(CommandIDs.openJob, { id: job.id }),
        showJobs: () => void app.commands.execute(CommandIDs.showJobs)
      },
      trans
    );
    model.ended.connect((_, job) => announcements.announce(job));
    void app.restored.then(() => model.start());
    return { model, deletion };
  }
};
