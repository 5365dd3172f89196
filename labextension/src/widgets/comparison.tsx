import { MainAreaWidget } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import { UUID } from '@lumino/coreutils';
import type { Message } from '@lumino/messaging';
import type { ISignal } from '@lumino/signaling';
import { Signal } from '@lumino/signaling';
import * as React from 'react';

import type { MlopsClient } from '../api/client';
import type { ComparisonTab } from '../components/comparison/ComparisonView';
import { ComparisonView } from '../components/comparison/ComparisonView';
import { nameOf } from '../components/comparison/names';
import { compareIcon } from '../icons';
import { ComparisonModel } from '../model/comparison';

/** What it takes to open the same comparison again. */
export interface IComparisonArgs {
  readonly runs: readonly string[];
  /** Null for none; the first run when left out. */
  readonly baseline?: string | null;
  readonly tab?: ComparisonTab;
}

/** Some runs beside each other, in the main area. */
export class ComparisonDocument extends MainAreaWidget<ComparisonContent> {
  constructor(options: ComparisonContent.IOptions) {
    super({ content: new ComparisonContent(options) });
    this.id = `jupyter-mlops-comparison-${UUID.uuid4()}`;
    this.title.icon = compareIcon;
    this.title.closable = true;
    this.toolbar.hide();
    this._entitle(options.trans);
    this.content.argsChanged.connect(() => this._entitle(options.trans));
  }

  private _entitle(trans: TranslationBundle): void {
    const { chosen } = this.content.model;
    this.title.label = trans._n('Compare %1 run', 'Compare %1 runs', chosen.length);
    this.title.caption = chosen.map(nameOf).join('\n');
  }
}

export class ComparisonContent extends ReactWidget {
  constructor(private readonly _options: ComparisonContent.IOptions) {
    super();
    const { client, args } = _options;
    this.addClass('jp-mlops-comparison-content');
    this._tab = args.tab ?? 'overview';
    this.model = new ComparisonModel(
      client,
      args.runs,
      args.baseline,
      () => this.isVisible
    );
    this.model.changed.connect(() => this._tell());
    this.model.start();
  }

  readonly model: ComparisonModel;

  get args(): IComparisonArgs {
    return { runs: this.model.runs, baseline: this.model.baseline, tab: this._tab };
  }

  /** What is needed to open it again, or what it is called, is another. */
  get argsChanged(): ISignal<this, void> {
    return this._argsChanged;
  }

  dispose(): void {
    if (!this.isDisposed) {
      super.dispose();
      this.model.dispose();
      Signal.clearData(this);
    }
  }

  protected onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this.model.wake();
  }

  protected onActivateRequest(msg: Message): void {
    super.onActivateRequest(msg);
    this.node.querySelector<HTMLElement>('[role="tab"][aria-selected="true"]')?.focus();
  }

  protected render(): React.JSX.Element {
    const { trans, onOpen, onReport } = this._options;
    return (
      <ComparisonView
        id={`jp-mlops-comparison-${this._key}`}
        model={this.model}
        tab={this._tab}
        onTab={tab => {
          this._tab = tab;
          this._tell();
          this.update();
        }}
        onOpen={onOpen()}
        onReport={onReport()}
        trans={trans}
      />
    );
  }

  /** Runs that go on change all the time; what it is called and opened with doesn't. */
  private _tell(): void {
    const now = JSON.stringify([this.args, this.model.chosen.map(nameOf)]);
    if (now !== this._told) {
      this._told = now;
      this._argsChanged.emit();
    }
  }

  private _told = '';
  private _tab: ComparisonTab;
  private _key = UUID.uuid4();
  private _argsChanged = new Signal<this, void>(this);
}

export namespace ComparisonContent {
  export interface IOptions {
    args: IComparisonArgs;
    client: MlopsClient;
    /** What opens a run's page; null where there is none. */
    onOpen: () => ((run: string) => void) | null;
    /** What makes a report of runs; null where there is none. */
    onReport: () => ((runs: readonly string[]) => void) | null;
    trans: TranslationBundle;
  }
}
