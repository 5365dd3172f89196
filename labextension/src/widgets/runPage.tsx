import { MainAreaWidget } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import * as React from 'react';

import type { MlopsClient } from '../api/client';
import type { IRunActions } from '../components/run/Header';
import { Hosted } from '../components/run/NotebookPreview';
import { RunPage } from '../components/run/RunPage';
import { runIcon, runIcons } from '../icons';
import { ReproductionModel } from '../model/reproduction';
import { RunModel } from '../model/run';
import type { INotebookViewOptions } from './notebookView';
import { NotebookView } from './notebookView';

/** One run in the main area. */
export class RunDocument extends MainAreaWidget<RunContent> {
  constructor(options: RunContent.IOptions) {
    super({ content: new RunContent(options) });
    const { model } = this.content;
    this.id = `jupyter-mlops-run-${options.id}`;
    this.title.icon = runIcon;
    this.title.closable = true;
    this.title.label = options.trans.__('Run');
    this.toolbar.hide();
    const entitle = () => {
      if (model.detail) {
        const { run } = model.detail;
        this.title.label = run.name || options.trans.__('Run');
        this.title.caption = `${run.name} — ${run.experiment} — ${run.id}`;
        this.title.icon = runIcons[run.status];
      }
    };
    model.changed.connect(entitle, this);
  }
}

export class RunContent extends ReactWidget {
  constructor(private readonly _options: RunContent.IOptions) {
    super();
    this.addClass('jp-mlops-run');
    this.id = `jupyter-mlops-run-content-${_options.id}`;
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', _options.trans.__('Run'));
    this.model = new RunModel(_options.client, _options.id);
    this.reproduction = new ReproductionModel(_options.client, _options.id);
    // Its outcome is the run's badge.
    this.reproduction.ended.connect(() => this.model.refresh());
    document.addEventListener('visibilitychange', this._onVisibility);
  }

  readonly model: RunModel;
  readonly reproduction: ReproductionModel;

  get run(): string {
    return this._options.id;
  }

  dispose(): void {
    if (!this.isDisposed) {
      document.removeEventListener('visibilitychange', this._onVisibility);
      super.dispose();
      this.model.dispose();
      this.reproduction.dispose();
    }
  }

  protected onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this._onVisibility();
  }

  protected onAfterAttach(msg: Message): void {
    super.onAfterAttach(msg);
    this._onVisibility();
  }

  protected onAfterHide(msg: Message): void {
    super.onAfterHide(msg);
    this._onVisibility();
  }

  protected onActivateRequest(msg: Message): void {
    super.onActivateRequest(msg);
    this._wanted = true;
    this._leadKeyboard();
  }

  protected render(): React.JSX.Element {
    const { actions, trans } = this._options;
    return (
      <UseSignal signal={this.model.changed}>
        {() => (
          <RunPage
            model={this.model}
            reproduction={this.reproduction}
            actions={actions(this.model, this.reproduction)}
            renderNotebook={this._renderNotebook}
            onRun={this._options.onRun}
            onJob={this._options.onJob}
            onShown={() => this._leadKeyboard()}
            trans={trans}
          />
        )}
      </UseSignal>
    );
  }

  private _onVisibility = (): void => {
    const visible = this.isVisible && !document.hidden;
    this.model.setVisible(visible);
    this.reproduction.setVisible(visible);
  };

  /** To the view that is shown, once there is one. */
  private _leadKeyboard(): void {
    const tab = this.node.querySelector<HTMLElement>('[role="tab"][aria-selected="true"]');
    if (tab && this._wanted) {
      this._wanted = false;
      tab.focus();
    }
  }

  private _renderNotebook = (notebook: object): React.ReactNode => {
    // Another document is another view; the same one stays.
    if (notebook !== this._rendered?.notebook) {
      const make = () => new NotebookView(notebook, this._options.notebooks);
      this._rendered = { notebook, make };
    }
    return <Hosted className="jp-mlops-preview-notebook" make={this._rendered.make} />;
  };

  /** Activated before there was anything to lead the keyboard to. */
  private _wanted = false;
  private _rendered: { notebook: object; make: () => NotebookView } | null = null;
}

export namespace RunContent {
  export interface IOptions {
    id: string;
    client: MlopsClient;
    notebooks: INotebookViewOptions;
    actions: (model: RunModel, reproduction: ReproductionModel) => IRunActions;
    onRun: (id: string) => void;
    onJob: (id: string) => void;
    trans: TranslationBundle;
  }
}
