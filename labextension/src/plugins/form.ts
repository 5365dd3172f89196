import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import { INotebookTracker } from '@jupyterlab/notebook';

import { runAsJobIcon } from '../icons';
import { ID_ARGS, jobIdOf } from '../jobId';
import { CommandIDs, IJobs, IPlaces } from '../tokens';

/** "Run as Job…" from the toolbar, the palette, the file browser and the Run menu. */
export const formPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlops:form',
  description: 'Runs a notebook as a job.',
  autoStart: true,
  requires: [IJobs, IPlaces],
  optional: [INotebookTracker, IDefaultFileBrowser],
  activate: (
    app: JupyterFrontEnd,
    jobs: IJobs,
    places: IPlaces,
    notebooks: INotebookTracker | null,
    browser: IDefaultFileBrowser | null
  ): void => {
    const { trans } = places;
    const { commands } = app;
    const { client } = jobs.model;

    const selected = (): string | undefined => {
      for (const item of browser?.selectedItems() ?? []) {
        if (item.type === 'notebook') {
          return item.path;
        }
      }
      return undefined;
    };

    commands.addCommand(CommandIDs.runNotebook, {
      label: args => (args.toolbar ? '' : trans.__('Run as Job…')),
      caption: trans.__('Run a snapshot of this notebook as a job'),
      icon: runAsJobIcon,
      describedBy: {
        args: {
          type: 'object',
          properties: {
            path: {
              type: 'string',
              description: 'The notebook; the open one when left out'
            },
            parameters: {
              type: 'object',
              description: "A run's parameters, as texts: what the form starts with"
            },
            browser: { type: 'boolean', description: "Take the file browser's selection" },
            toolbar: { type: 'boolean', description: 'Show the icon only' }
          }
        }
      },
      isEnabled: args =>
        typeof args.path === 'string' ||
        (args.browser ? !!selected() : !!notebooks?.currentWidget),
      execute: async args => {
        const open = notebooks?.currentWidget;
        const path =
          typeof args.path === 'string'
            ? args.path
            : args.browser
              ? selected()
              : open?.context.path;
        if (!path) {
          return;
        }
        if (open?.context.path === path && open.context.model.dirty) {
          // What runs is what the person sees.
          await open.context.save();
        }
        const [{ reporting }, { askForJob }, { valuesOfRun }] = await Promise.all([
          import('../commands'),
          import('../widgets/formDialog'),
          import('../form/schema')
        ]);
        const [info, jobSpec] =
          (await reporting(
            Promise.all([client.inspect(localPath(path)), client.jobSpecSchema()])
          )) ?? [];
        if (!info || !jobSpec) {
          return;
        }
        const job = await askForJob({
          client,
          jobSpec,
          // Sent back as the person's own path: the server resolves it below its root.
          info: { ...info, notebook: localPath(path) },
          values: valuesOfRun(info, (args.parameters ?? {}) as Record<string, string>),
          trans
        });
        if (job) {
          jobs.model.accept(job);
          await commands.execute(CommandIDs.openJob, { id: job.id });
        }
      }
    });

    commands.addCommand(CommandIDs.rerunJobWithChanges, {
      label: trans.__('Rerun Job with Changes…'),
      describedBy: { args: ID_ARGS },
      execute: async args => {
        const id = jobIdOf(app, args);
        if (!id) {
          return;
        }
        const [{ reporting }, { askForJob }] = await Promise.all([
          import('../commands'),
          import('../widgets/formDialog')
        ]);
        const found = await reporting(
          Promise.all([client.job(id), client.jobNotebookInfo(id), client.jobSpecSchema()])
        );
        if (!found) {
          return;
        }
        const [rerunOf, info, jobSpec] = found;
        const job = await askForJob({
          client,
          jobSpec,
          info,
          rerunOf,
          trans
        });
        if (job) {
          jobs.model.accept(job);
          await commands.execute(CommandIDs.openJob, { id: job.id });
        }
      }
    });

    for (const command of [CommandIDs.runNotebook, CommandIDs.openMlflow]) {
      places.addToPalette(command, trans.__('Jobs'));
    }
  }
};

/** Without a drive's name: the daemon reads files of the default drive. */
function localPath(path: string): string {
  const at = path.indexOf(':');
  return at < 0 || path.slice(0, at).includes('/') ? path : path.slice(at + 1);
}
