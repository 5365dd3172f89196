import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import * as React from 'react';

import { JobsPanel } from '../components/JobsPanel';
import type { IJobActions } from '../components/JobList';
import { jobsIcon } from '../icons';
import type { JobsModel } from '../model/jobs';

/** The Jobs side panel. */
export class JobsPanelWidget extends ReactWidget {
  constructor(private readonly _options: JobsPanelWidget.IOptions) {
    super();
    this.id = 'jupyter-mlops-jobs';
    this.addClass('jp-mlops-jobsPanel');
    this.title.icon = jobsIcon;
    this.title.caption = _options.trans.__('Jobs');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', _options.trans.__('Jobs'));
  }

  protected onBeforeShow(): void {
    this._options.model.start();
  }

  protected render(): React.JSX.Element {
    const { model, hidden, hiddenChanged, actions, runCurrent, currentChanged, trans } =
      this._options;
    return (
      <UseSignal signal={model.changed}>
        {() => (
          <UseSignal signal={hiddenChanged}>
            {() => (
              <UseSignal signal={currentChanged}>
                {() => (
                  <JobsPanel
                    model={model}
                    hidden={hidden()}
                    actions={actions}
                    onRunCurrent={runCurrent()}
                    trans={trans}
                  />
                )}
              </UseSignal>
            )}
          </UseSignal>
        )}
      </UseSignal>
    );
  }

  dispose(): void {
    Signal.clearData(this);
    super.dispose();
  }
}

export namespace JobsPanelWidget {
  export interface IOptions {
    model: JobsModel;
    actions: IJobActions;
    /** Deleted ids whose deletion can still be undone. */
    hidden: () => ReadonlySet<string>;
    hiddenChanged: ISignal<unknown, void>;
    /** Runs the open notebook, where there is one. */
    runCurrent: () => (() => void) | undefined;
    currentChanged: ISignal<unknown, unknown>;
    trans: TranslationBundle;
  }
}
