import type { JupyterFrontEnd, JupyterFrontEndPlugin } from '@jupyterlab/application';
import { IStatusBar } from '@jupyterlab/statusbar';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import * as React from 'react';

import { jobsIcon } from '../icons';
import type { JobsModel } from '../model/jobs';
import { CommandIDs, IJobs, IPlaces } from '../tokens';

class JobsStatus extends ReactWidget {
  constructor(
    private readonly _model: JobsModel,
    private readonly _show: () => void,
    private readonly _trans: TranslationBundle
  ) {
    super();
  }

  protected render(): React.JSX.Element {
    return (
      <UseSignal signal={this._model.changed}>
        {() => {
          const { active } = this._model;
          const label = this._trans._n(
            '%1 job queued or running',
            '%1 jobs queued or running',
            active
          );
          return (
            <button
              type="button"
              className="jp-mlops-status"
              title={label}
              aria-label={label}
              onClick={this._show}
            >
              <jobsIcon.react tag="span" width="14px" height="14px" />
              <span>{active}</span>
            </button>
          );
        }}
      </UseSignal>
    );
  }
}

/** How many jobs are on their way, in the status bar. */
export const statusPlugin: JupyterFrontEndPlugin<void> = {
  id: 'jupyter-mlops:status',
  description: 'Shows the number of queued and running jobs in the status bar.',
  autoStart: true,
  requires: [IJobs, IPlaces, IStatusBar],
  activate: (
    app: JupyterFrontEnd,
    jobs: IJobs,
    places: IPlaces,
    statusBar: IStatusBar
  ): void => {
    const { trans } = places;
    const item = new JobsStatus(
      jobs.model,
      () => void app.commands.execute(CommandIDs.showJobs),
      trans
    );
    statusBar.registerStatusItem('jupyter-mlops:status', {
      item,
      align: 'left',
      rank: 90,
      isActive: () => jobs.model.active > 0,
      activeStateChanged: jobs.model.changed
    });
  }
};
