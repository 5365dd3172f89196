import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';

import { runIcon } from '../icons';
import { CommandIDs, IJobs, INotebookLook, IPlaces } from '../tokens';
import type { RunDocument } from '../widgets/runPage';

/** The page of one run. */
export const runPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlops:run',
  description:
    'Shows one run: charts while it goes on, values, artifacts, record, lineage.',
  autoStart: true,
  requires: [IJobs, IPlaces, INotebookLook],
  activate: (
    app: JupyterFrontEnd,
    jobs: IJobs,
    places: IPlaces,
    look: INotebookLook
  ): void => {
    const { trans } = places;
    const { commands } = app;
    const documents = places.documents<RunDocument>({
      namespace: 'jupyter-mlops-run',
      type: 'Run',
      command: CommandIDs.openRun,
      args: ({ content: { run } }) => ({ run })
    });

    const open = async (run: string): Promise<void> => {
      const isSame = ({ content }: RunDocument) => content.run === run;
      await documents.open(isSame, async () => {
        const [{ RunDocument }, { RunActions }] = await Promise.all([
          import('../widgets/runPage'),
          import('../widgets/runActions')
        ]);
        const { client } = jobs.model;
        const actions = new RunActions(app, client, trans);
        return new RunDocument({
          id: run,
          client,
          notebooks: look.options(),
          actions: (model, reproduction) => actions.of(model, reproduction),
          onRun: id => void open(id),
          onJob: id => void commands.execute(CommandIDs.openJob, { id }),
          trans
        });
      });
    };

    commands.addCommand(CommandIDs.openRun, {
      label: trans.__('Open Run'),
      icon: runIcon,
      describedBy: {
        args: {
          type: 'object',
          properties: { run: { type: 'string', description: 'The id of the run' } }
        }
      },
      execute: async args => {
        if (typeof args.run === 'string' && args.run) {
          await open(args.run);
        }
      }
    });
  }
};
