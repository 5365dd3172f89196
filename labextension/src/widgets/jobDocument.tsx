import { MainAreaWidget } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import { Signal } from '@lumino/signaling';
import { Panel, StackedPanel } from '@lumino/widgets';
import * as React from 'react';

import { MlopsError } from '../api/client';
import type { Job } from '../api/types';
import { ErrorNotice } from '../components/ErrorNotice';
import { Details, Parameters } from '../components/JobDetails';
import type { IHeaderActions, Tab } from '../components/JobHeader';
import { JobHeader } from '../components/JobHeader';
import { jobsIcon } from '../icons';
import { ExecutionModel } from '../model/execution';
import type { JobsModel } from '../model/jobs';
import { ExecutedNotebook } from './executed';
import { JobLog } from './log';
import type { INotebookViewOptions } from './notebookView';

/** One job in the main area. */
export class JobDocument extends MainAreaWidget<JobContent> {
  constructor(options: JobContent.IOptions) {
    super({ content: new JobContent(options) });
    this.id = `jupyter-mlops-job-${options.id}`;
    this.title.icon = jobsIcon;
    this.title.closable = true;
    this.title.label = options.trans.__('Job');
    this.toolbar.hide();
    const entitle = (job: Job) => {
      this.title.label = job.name;
      this.title.caption = `${job.name} — ${job.id}`;
    };
    if (this.content.job) {
      entitle(this.content.job);
    }
    this.content.jobChanged.connect((_, job) => entitle(job));
  }
}

export class JobContent extends Panel {
  constructor(private readonly _options: JobContent.IOptions) {
    super();
    this.id = `jupyter-mlops-content-${_options.id}`;
    this.addClass('jp-mlops-job');
    const { model, id, trans } = _options;
    this._execution = new ExecutionModel(model.client, model.stream, id);
    this._notebook = new ExecutedNotebook({ ..._options, model: this._execution });
    this._log = new JobLog(model.client, id, trans);
    const parameters = this._view(job => <Parameters job={job} trans={trans} />);
    const details = this._view(job => <Details job={job} trans={trans} />);
    this._views = { notebook: this._notebook, log: this._log, parameters, details };
    this.addWidget(this._header());
    this._body = new StackedPanel();
    this._body.addClass('jp-mlops-job-body');
    this._body.hide();
    Object.values(this._views).forEach(view => this._body.addWidget(view));
    this.addWidget(this._body);
    for (const [name, view] of Object.entries(this._views)) {
      view.node.id = `jp-mlops-view-${id}-${name}`;
      view.node.setAttribute('role', 'tabpanel');
      view.node.setAttribute('aria-labelledby', `jp-mlops-tab-${id}-${name}`);
    }
    this._show('notebook');
    model.jobChanged.connect(this._onJob, this);
    this._execution.ended.connect((_, job) => model.accept(job));
    this._execution.notebookChanged.connect((_, notebook) => {
      if (!notebook) {
        this._log.reset();
      }
    });
    void this._start();
  }

  /** The job as read last; null while it isn't known. */
  get job(): Job | null {
    return this._job;
  }

  /** The newest reading of the job. */
  get jobChanged(): Signal<this, Job> {
    return this._jobChanged;
  }

  dispose(): void {
    if (!this.isDisposed) {
      this._options.model.jobChanged.disconnect(this._onJob, this);
      super.dispose();
      this._execution.dispose();
      Signal.clearData(this);
    }
  }

  protected onActivateRequest(msg: Message): void {
    super.onActivateRequest(msg);
    this._wanted = true;
    this._leadKeyboard();
  }

  /** To the view that is shown, once there is one. */
  private _leadKeyboard(): void {
    const tab = this.node.querySelector<HTMLElement>('[role="tab"][aria-selected="true"]');
    if (tab && this._wanted) {
      this._wanted = false;
      tab.focus();
    }
  }

  private async _start(): Promise<void> {
    const { model, id } = this._options;
    this._error = null;
    this._changed.emit();
    try {
      this._take(model.get(id) ?? (await model.client.job(id)));
    } catch (error) {
      if (!(error instanceof MlopsError)) {
        throw error;
      }
      this._error = error;
      this._changed.emit();
      return;
    }
    model.start();
    try {
      // Before that there is nothing to ask for.
      await this._execution.start((this._job?.progress.total ?? 0) > 0);
    } catch (error) {
      if (!(error instanceof MlopsError)) {
        throw error;
      }
      this._error = error;
      this._changed.emit();
    }
  }

  private _onJob(_: JobsModel, job: Job): void {
    if (job.id === this._options.id && (!this._job || job.version > this._job.version)) {
      this._take(job);
    }
  }

  private _take(job: Job): void {
    this._job = job;
    this._body.show();
    this._jobChanged.emit(job);
    this._changed.emit();
    if (this._tab === 'log') {
      void this._log.refresh();
    }
  }

  private _show(tab: Tab): void {
    this._tab = tab;
    for (const [name, view] of Object.entries(this._views)) {
      view.setHidden(name !== tab);
    }
    if (tab === 'log') {
      void this._log.refresh();
    }
    this._changed.emit();
  }

  private _header(): ReactWidget {
    const { trans, actions } = this._options;
    const header = ReactWidget.create(
      <UseSignal signal={this._changed}>
        {() =>
          this._job ? (
            <JobHeader
              job={this._job}
              tab={this._tab}
              onTab={tab => this._show(tab)}
              trusted={this._notebook.trusted}
              onTrust={() => {
                this._notebook.trust();
                this._changed.emit();
              }}
              onShown={() => this._leadKeyboard()}
              actions={actions(this._job)}
              error={this._error}
              onRetry={() => void this._start()}
              trans={trans}
            />
          ) : this._error?.status === 404 ? (
            <div className="jp-mlops-notice jp-mod-error" role="alert">
              {trans.__('This job has been deleted.')}
            </div>
          ) : this._error ? (
            <ErrorNotice
              error={this._error}
              onRetry={() => void this._start()}
              trans={trans}
            />
          ) : (
            <div className="jp-mlops-empty" role="status">
              {trans.__('Loading…')}
            </div>
          )
        }
      </UseSignal>
    );
    header.addClass('jp-mlops-job-header');
    return header;
  }

  private _view(render: (job: Job) => React.JSX.Element): ReactWidget {
    return ReactWidget.create(
      <UseSignal signal={this._changed}>
        {() => (this._job ? render(this._job) : null)}
      </UseSignal>
    );
  }

  private _job: Job | null = null;
  private _error: MlopsError | null = null;
  /** Activated before there was anything to lead the keyboard to. */
  private _wanted = false;
  private _tab: Tab = 'notebook';
  private _execution: ExecutionModel;
  private _notebook: ExecutedNotebook;
  private _log: JobLog;
  /** The views; nothing to see before the job is known. */
  private _body: StackedPanel;
  private _views: Record<Tab, ReactWidget | ExecutedNotebook | JobLog>;
  private _jobChanged = new Signal<this, Job>(this);
  private _changed = new Signal<this, void>(this);
}

export namespace JobContent {
  export interface IOptions extends INotebookViewOptions {
    id: string;
    model: JobsModel;
    actions: (job: Job) => IHeaderActions;
    trans: TranslationBundle;
  }
}
