import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IFrame, MainAreaWidget } from '@jupyterlab/apputils';

import { jobsIcon } from '../icons';
import { ID_ARGS, jobIdOf } from '../jobId';
import { dressMlflow } from '../mlflowPages';
import { CommandIDs, IJobs, INotebookLook, IPlaces } from '../tokens';
import type { JobDocument } from '../widgets/jobDocument';

/** The document of one job, and MLflow's own UI. */
export const documentPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlops:document',
  description:
    'Shows one job: the executed notebook as it grows, log, parameters, details.',
  autoStart: true,
  requires: [IJobs, IPlaces, INotebookLook],
  activate: (
    app: JupyterFrontEnd,
    jobs: IJobs,
    places: IPlaces,
    look: INotebookLook
  ): void => {
    const { trans } = places;
    const { commands, shell } = app;
    const documents = places.documents<JobDocument>({
      namespace: 'jupyter-mlops-job',
      type: 'Job',
      command: CommandIDs.openJob,
      args: ({ content }) => ({ id: content.id.replace('jupyter-mlops-content-', '') })
    });

    commands.addCommand(CommandIDs.openJob, {
      label: trans.__('Open Job'),
      icon: jobsIcon,
      describedBy: { args: ID_ARGS },
      execute: async args => {
        const id = jobIdOf(app, args);
        if (!id) {
          return;
        }
        const isSame = (one: JobDocument) => one.id === `jupyter-mlops-job-${id}`;
        await documents.open(isSame, async () => {
          const { JobDocument } = await import('../widgets/jobDocument');
          return new JobDocument({
            ...look.options(),
            id,
            model: jobs.model,
            actions: job => ({
              cancel: () => void commands.execute(CommandIDs.cancelJob, { id: job.id }),
              rerun: () => void commands.execute(CommandIDs.rerunJob, { id: job.id }),
              rerunWithChanges: () =>
                void commands.execute(CommandIDs.rerunJobWithChanges, { id: job.id }),
              openOutput: () =>
                void commands.execute(CommandIDs.openOutput, { id: job.id }),
              openMlflow: () =>
                void commands.execute(CommandIDs.openMlflow, { id: job.id }),
              openSource: () => {
                const path = job.contents.notebook;
                if (path) {
                  void commands.execute('docmanager:open', { path });
                }
              }
            }),
            trans
          });
        });
      }
    });

    commands.addCommand(CommandIDs.openMlflow, {
      label: args => (args.id ? trans.__('Open Run in MLflow') : trans.__('Open MLflow')),
      describedBy: {
        args: {
          type: 'object',
          properties: {
            id: { type: 'string', description: 'The id of the job whose run is opened' }
          }
        }
      },
      execute: async args => {
        const { client } = jobs.model;
        const id = jobIdOf(app, args);
        const { reporting } = await import('../commands');
        const job = id ? await reporting(client.job(id)) : undefined;
        const url = client.mlflowUrl(job?.tracking.experiment_id, job?.tracking.run_id);
        const widgetId = `jupyter-mlops-mlflow-${job?.id ?? 'home'}`;
        const known = [...shell.widgets('main')].find(w => w.id === widgetId);
        if (!known) {
          dressMlflow(window.localStorage, document.body.dataset.jpThemeLight === 'false');
          // Same origin, behind Jupyter's login; MLflow needs its own scripts and storage.
          const content = new IFrame({
            sandbox: [
              'allow-scripts',
              'allow-same-origin',
              'allow-forms',
              'allow-downloads',
              'allow-popups',
              'allow-modals'
            ],
            loading: 'eager'
          });
          content.url = url;
          content.title.label = job ? trans.__('MLflow: %1', job.name) : trans.__('MLflow');
          content.title.icon = jobsIcon;
          content.title.closable = true;
          const widget = new MainAreaWidget({ content });
          widget.id = widgetId;
          widget.toolbar.hide();
          shell.add(widget, 'main', { type: 'MLflow' });
        }
        shell.activateById(widgetId);
      }
    });
  }
};
