/* eslint-disable jupyter/prefer-lazy-imports -- activation needs these at once */
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Notification } from '@jupyterlab/apputils';
import { ISettingRegistry } from '@jupyterlab/settingregistry';

import { experimentsIcon } from '../runIcons';
import { viewFromJSON, viewToJSON } from '../model/runsView';
import { SavedViews } from '../model/savedViews';
import { CommandIDs, IJobs, IPlaces } from '../tokens';
import type { RunsWidget } from '../widgets/runsTable';

/** The table of runs: of an experiment, or of all. */
export const runsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlops:runs',
  description: 'Shows the runs of an experiment as a table.',
  autoStart: true,
  requires: [IJobs, IPlaces],
  optional: [ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    jobs: IJobs,
    places: IPlaces,
    settings: ISettingRegistry | null
  ): void => {
    const { commands } = app;
    const { trans } = places;
    const { client } = jobs.model;
    const documents = places.documents<RunsWidget>({
      namespace: 'jupyter-mlops-runs',
      type: 'Runs',
      command: CommandIDs.openRuns,
      args: ({ content }) => ({
        ...(content.model.experiment ? { experiment: content.model.experiment } : {}),
        view: viewToJSON(content.model.view),
        ...(content.viewName ? { viewName: content.viewName } : {})
      })
    });
    const loaded = settings
      ?.load(runsPlugin.id)
      .then(found => new SavedViews(found))
      .catch((error: unknown) => {
        // Tables work without saved views.
        console.error(error);
        return null;
      });

    const execute = (command: string, args: { run: string } | { runs: string[] }): void => {
      if (commands.hasCommand(command)) {
        void commands.execute(command, args);
      } else {
        Notification.warning(
          trans.__('This is switched off: the plugin with the command %1.', command)
        );
      }
    };

    commands.addCommand(CommandIDs.openRuns, {
      label: trans.__('Open Table of Runs'),
      caption: trans.__('All runs, or those of one experiment'),
      icon: experimentsIcon,
      describedBy: {
        args: {
          type: 'object',
          properties: {
            experiment: {
              type: 'string',
              description: 'The id of the experiment; all when left out'
            },
            filter: {
              type: 'string',
              description: 'What to look for, in a table that is opened anew or already'
            },
            view: { type: 'object', description: 'How the table looks, as it was kept' },
            viewName: { type: 'string', description: 'The saved view that it came from' }
          }
        }
      },
      execute: async args => {
        const experiment = typeof args.experiment === 'string' ? args.experiment : null;
        const filter = typeof args.filter === 'string' ? args.filter : null;
        const { RunsWidget, runsWidgetId } = await import('../widgets/runsTable');
        const id = runsWidgetId(experiment);
        const view = viewFromJSON(args.view);
        const isSame = (one: RunsWidget) => one.id === id;
        const { content } = await documents.open(isSame, async () => {
          const made = new RunsWidget({
            client,
            experiment,
            view: filter === null ? view : { ...view, filter },
            viewName: typeof args.viewName === 'string' ? args.viewName : null,
            views: (await loaded) ?? null,
            open: run => execute(CommandIDs.openRun, { run }),
            compare: runs => execute(CommandIDs.compareRuns, { runs: [...runs] }),
            report: runs => execute(CommandIDs.makeReport, { runs: [...runs] }),
            trans
          });
          made.content.model.viewChanged.connect(() => documents.save(made));
          return made;
        });
        const { model } = content;
        if (filter !== null && filter !== model.view.filter) {
          model.setView({ ...model.view, filter });
        }
      }
    });
    places.addToPalette(CommandIDs.openRuns, trans.__('Experiments'));
  }
};
