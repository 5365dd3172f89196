import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { Dialog, Notification, showDialog } from '@jupyterlab/apputils';
import { IDefaultFileBrowser } from '@jupyterlab/filebrowser';
import type { TranslationBundle } from '@jupyterlab/translation';

import { REPORT_MOST } from '../api/reports';
import { reportIcon } from '../runIcons';
import { CommandIDs, IJobs, IPlaces } from '../tokens';
import type { IMadeReport } from '../widgets/reportDialog';

const RUN_ID = /^[0-9A-Za-z_-]{1,64}$/;
/** JupyterLab cuts longer notifications off. */
const TOLD_MOST = 140;

/** Reports on runs: files to send, beside the person's notebooks. */
export const reportsPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlops:reports',
  description: 'Makes a report of runs: a notebook, and its page, that need no server.',
  autoStart: true,
  requires: [IJobs, IPlaces],
  optional: [IDefaultFileBrowser],
  activate: (
    app: JupyterFrontEnd,
    jobs: IJobs,
    places: IPlaces,
    browser: IDefaultFileBrowser | null
  ): void => {
    const { trans } = places;
    const { commands } = app;
    commands.addCommand(CommandIDs.makeReport, {
      label: trans.__('Make Report…'),
      caption: trans.__('A notebook about the runs that is read without a server'),
      icon: reportIcon,
      describedBy: {
        args: {
          type: 'object',
          properties: {
            runs: {
              type: 'array',
              items: { type: 'string' },
              description: 'Ids of the runs, in the order of the report'
            }
          }
        }
      },
      isEnabled: ({ runs }) => runsOf(runs).length > 0,
      execute: async args => {
        const runs = runsOf(args.runs);
        if (!runs.length) {
          return;
        }
        const { askForReport } = await import('../widgets/reportDialog');
        const made = await askForReport({
          client: jobs.model.client,
          contents: app.serviceManager.contents,
          folder: browser?.model.path ?? '',
          runs,
          trans
        });
        if (made) {
          await commands.execute('docmanager:open', { path: made.notebook });
          tell(app, made, trans);
        }
      }
    });
  }
};

/** Where it is, how to see its page, and what it doesn't show. */
function tell(app: JupyterFrontEnd, made: IMadeReport, trans: TranslationBundle): void {
  const { notebook, html, leftOut } = made;
  const saved = trans.__('Saved as %1.', notebook);
  const whole = [saved, ...leftOut].join(' ');
  const isShort = whole.length <= TOLD_MOST;
  const actions: Notification.IAction[] = [];
  if (html !== null) {
    actions.push({
      label: trans.__('Open page'),
      callback: () => void app.commands.execute('docmanager:open', { path: html })
    });
  }
  if (!isShort && leftOut.length) {
    actions.push({
      label: trans.__('What is left out'),
      callback: () =>
        void showDialog({
          title: trans.__('Left out of the report'),
          body: leftOut.join('\n'),
          buttons: [Dialog.okButton()]
        })
    });
  }
  Notification.emit(isShort ? whole : saved, leftOut.length ? 'info' : 'success', {
    // What was left out stays until it was read.
    autoClose: leftOut.length ? false : 5000,
    actions
  });
}

function runsOf(given: unknown): string[] {
  const runs = Array.isArray(given) ? given : [];
  return [...new Set(runs)]
    .filter((run): run is string => typeof run === 'string' && RUN_ID.test(run))
    .slice(0, REPORT_MOST);
}
