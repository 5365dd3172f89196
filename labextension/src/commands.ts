import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import { PathExt } from '@jupyterlab/coreutils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { refreshIcon, stopIcon } from '@jupyterlab/ui-components';

import { MlopsError } from './api/client';
import type { Job } from './api/types';
import { isTerminal } from './api/types';
import { ID_ARGS, jobIdOf } from './jobId';
import type { Deletion } from './model/deletion';
import type { JobsModel } from './model/jobs';
import { CommandIDs } from './tokens';

/** Show what was refused; anything else is a fault of ours and goes to the console. */
export async function reporting<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof MlopsError)) {
      throw error;
    }
    Notification.error([error.message, error.hint].filter(Boolean).join(' '), {
      autoClose: false
    });
    return undefined;
  }
}

/** Commands that act on one job, given by `id` or by the row under the context menu. */
export function addJobCommands(
  app: JupyterFrontEnd,
  model: JobsModel,
  deletion: Deletion,
  trans: TranslationBundle
): void {
  const { commands } = app;

  const idOf = (args: { id?: unknown }): string | undefined => jobIdOf(app, args);
  const jobOf = (args: { id?: unknown }): Job | undefined => {
    const id = idOf(args);
    return id ? model.get(id) : undefined;
  };

  commands.addCommand(CommandIDs.cancelJob, {
    label: trans.__('Cancel Job'),
    icon: stopIcon,
    describedBy: { args: ID_ARGS },
    isEnabled: args => {
      const job = jobOf(args);
      return !job || (!isTerminal(job.state) && !job.cancelling);
    },
    execute: async args => {
      const id = idOf(args);
      if (id) {
        const job = await reporting(model.client.cancel(id));
        if (job) {
          model.accept(job);
        }
      }
    }
  });

  commands.addCommand(CommandIDs.rerunJob, {
    label: trans.__('Rerun Job'),
    caption: trans.__('Run the same snapshot again with the same parameters'),
    icon: refreshIcon,
    describedBy: { args: ID_ARGS },
    execute: async args => {
      const id = idOf(args);
      if (id) {
        const job = await reporting(model.client.rerun(id));
        if (job) {
          model.accept(job);
          await commands.execute(CommandIDs.openJob, { id: job.id });
        }
      }
    }
  });

  commands.addCommand(CommandIDs.deleteJob, {
    label: trans.__('Delete Job'),
    describedBy: { args: ID_ARGS },
    isEnabled: args => {
      const job = jobOf(args);
      return !job || isTerminal(job.state);
    },
    execute: args => {
      const id = idOf(args);
      if (id) {
        deletion.request([id]);
      }
    }
  });

  commands.addCommand(CommandIDs.openOutput, {
    label: trans.__('Open Executed Notebook'),
    describedBy: { args: ID_ARGS },
    execute: async args => {
      const id = idOf(args);
      const job = id ? await reporting(model.client.job(id)) : undefined;
      if (!job) {
        return;
      }
      const path = job.contents?.output_notebook;
      if (path) {
        await commands.execute('docmanager:open', { path });
      } else {
        await showDialog({
          title: trans.__('No executed notebook here'),
          body: job.outputs.notebook
            ? trans.__(
                'It lies outside of the folder that this JupyterLab shows: %1',
                job.outputs.notebook
              )
            : trans.__('The job has not written one yet.'),
          buttons: [Dialog.okButton()]
        });
      }
    }
  });
}

/** Cancel many at once; one question, since there is no undo. */
export async function cancelJobs(
  ids: readonly string[],
  model: JobsModel,
  trans: TranslationBundle
): Promise<void> {
  if (ids.length > 1) {
    const answer = await showDialog({
      title: trans._n('Cancel %1 job?', 'Cancel %1 jobs?', ids.length),
      body: trans.__('What they have written so far stays. They can be run again.'),
      buttons: [
        Dialog.cancelButton({ label: trans.__('Keep running') }),
        Dialog.warnButton({ label: trans.__('Cancel jobs') })
      ]
    });
    if (!answer.button.accept) {
      return;
    }
  }
  await Promise.all(
    ids.map(async id => {
      const job = await reporting(model.client.cancel(id));
      if (job) {
        model.accept(job);
      }
    })
  );
}

/** The last part of a path, without the notebook extension. */
export function stem(path: string): string {
  return PathExt.basename(path, PathExt.extname(path));
}
