import { Clipboard, MainAreaWidget, Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget, UseSignal } from '@jupyterlab/ui-components';
import type { Message } from '@lumino/messaging';
import * as React from 'react';

import type { MlopsClient } from '../api/client';
import { MlopsError } from '../api/client';
import { getExperiment } from '../api/experiments';
import { REPORT_MOST } from '../api/reports';
import type { RunRow } from '../api/runs';
import { changeRun, getNote } from '../api/runs';
import { reporting } from '../commands';
import type { IRunActions } from '../components/RunsGrid';
import { COMPARE_MOST, RunsTable } from '../components/RunsTable';
import { experimentsIcon } from '../runIcons';
import { moved, orderKey } from '../model/runColumns';
import { RunsTableModel } from '../model/runsTable';
import type { IRunsView } from '../model/runsView';
import { canGroup, sameView } from '../model/runsView';
import type { SavedViews } from '../model/savedViews';
import { Watch } from '../model/watch';
import type { IMenuItem } from './menus';
import { openMenu } from './menus';
import { editNote } from './noteDialog';
import { ViewsMenu } from './viewsMenu';

/** The table of an experiment's runs, or of all, in the main area. */
export class RunsWidget extends MainAreaWidget<RunsContent> {
  constructor(options: RunsContent.IOptions) {
    super({ content: new RunsContent(options) });
    this.id = runsWidgetId(options.experiment);
    this.toolbar.hide();
    const { trans, experiment } = options;
    this.title.icon = experimentsIcon;
    this.title.closable = true;
    this.title.label = experiment === null ? trans.__('All runs') : trans.__('Runs');
    this.content.named.then(
      name => {
        if (name && !this.isDisposed) {
          this.title.label = name;
          this.title.caption = trans.__('Runs of %1', name);
        }
      },
      (error: unknown) => console.error(error)
    );
  }

  protected onAfterShow(msg: Message): void {
    super.onAfterShow(msg);
    this.content.look();
  }
}

export function runsWidgetId(experiment: string | null): string {
  return `jupyter-mlops-runs-${experiment ?? 'all'}`;
}

export class RunsContent extends ReactWidget {
  constructor(private readonly _options: RunsContent.IOptions) {
    super();
    const { client, experiment, view } = _options;
    this.id = `jupyter-mlops-runs-content-${experiment ?? 'all'}`;
    this.addClass('jp-mlops-runsContent');
    this.model = new RunsTableModel(client, experiment, view);
    this._views = new ViewsMenu({
      model: this.model,
      name: _options.viewName,
      views: _options.views,
      onClosed: () => this._leadKeyboard(),
      trans: _options.trans
    });
    this._watch = new Watch(
      () => this.model.look(),
      () => this.isVisible,
      () => this.update()
    );
    this.named = this._name();
    this._watch.start();
  }

  readonly model: RunsTableModel;
  /** The experiment's name; empty where there is none. */
  readonly named: Promise<string>;

  /** The name of the saved view that was chosen last; it may have been changed since. */
  get viewName(): string | null {
    return this._views.name;
  }

  look(): void {
    this._watch.now();
  }

  dispose(): void {
    if (!this.isDisposed) {
      super.dispose();
      this._watch.dispose();
      this.model.dispose();
    }
  }

  protected onActivateRequest(msg: Message): void {
    super.onActivateRequest(msg);
    const grid = this.node.querySelector<HTMLElement>('.jp-mlops-grid');
    (grid ?? this._search.current)?.focus();
  }

  protected render(): React.JSX.Element {
    const { trans } = this._options;
    return (
      <UseSignal signal={this.model.changed}>
        {() => {
          const { saved } = this._views;
          return (
            <RunsTable
              model={this.model}
              name={this._experimentName}
              actions={this._actions}
              saved={
                saved
                  ? { name: saved.name, changed: !sameView(saved.view, this.model.view) }
                  : null
              }
              onViews={(x, y) => this._views.open(x, y)}
              seconds={this._watch.seconds}
              onLook={() => this.look()}
              searchRef={this._search}
              trans={trans}
            />
          );
        }}
      </UseSignal>
    );
  }

  private async _name(): Promise<string> {
    const { client, experiment } = this._options;
    if (experiment === null) {
      return '';
    }
    try {
      this._experimentName = (await getExperiment(client, experiment)).name;
      this.update();
      return this._experimentName;
    } catch (error) {
      // The table itself says what is wrong.
      if (!(error instanceof MlopsError)) {
        throw error;
      }
      return '';
    }
  }

  private _compare(ids: readonly string[]): void {
    if (ids.length >= 2 && ids.length <= COMPARE_MOST) {
      this._options.compare(ids);
    }
  }

  private _report(ids: readonly string[]): void {
    if (ids.length && ids.length <= REPORT_MOST) {
      this._options.report(ids);
    }
  }

  /** All of them, or none when those that are here all were; also those that are far away. */
  private async _favourite(ids: readonly string[]): Promise<void> {
    const here = this.model.runs(ids);
    const favourite = !here.every(run => run.favourite);
    const so = new Set(here.filter(run => run.favourite === favourite).map(run => run.id));
    for (const id of ids.filter(one => !so.has(one))) {
      if (!(await reporting(this.model.change(id, { favourite }).then(() => true)))) {
        return;
      }
    }
  }

  private async _note(run: RunRow): Promise<void> {
    const { client, trans } = this._options;
    await editNote({
      title: run.name,
      load: () => getNote(client, run.id),
      save: ({ note, version }) =>
        changeRun(client, run.id, { note, note_version: version }),
      trans
    });
    this.look();
    this._leadKeyboard();
  }

  private _copy(ids: readonly string[]): void {
    const { trans } = this._options;
    Clipboard.copyToSystem(ids.join('\n'));
    Notification.info(trans._n('%1 run ID copied', '%1 run IDs copied', ids.length), {
      autoClose: 2000
    });
  }

  private _runMenu(run: RunRow, x: number, y: number): void {
    const { trans } = this._options;
    const { ids } = this.model.selection;
    const chosen = ids.has(run.id) ? [...ids] : [run.id];
    const runs = this.model.runs(chosen);
    const items: (IMenuItem | null)[] = [
      {
        label: trans.__('Open Run'),
        shortcut: 'Enter',
        execute: () => this._actions.open(run.id)
      },
      {
        label: trans._n('Compare %1 run', 'Compare %1 runs', chosen.length),
        shortcut: 'C',
        enabled: chosen.length > 1 && chosen.length <= COMPARE_MOST,
        execute: () => this._compare(chosen)
      },
      {
        label: trans._n('Report on %1 run…', 'Report on %1 runs…', chosen.length),
        shortcut: 'R',
        enabled: chosen.length <= REPORT_MOST,
        execute: () => this._report(chosen)
      },
      null,
      {
        label: trans.__('Favourite'),
        shortcut: 'F',
        toggled: runs.every(one => one.favourite),
        execute: () => void this._favourite(chosen)
      },
      {
        label: trans.__('Note…'),
        shortcut: 'N',
        execute: () => void this._note(run)
      },
      {
        label: trans._n('Copy ID', 'Copy IDs', chosen.length),
        execute: () => this._copy(chosen)
      }
    ];
    openMenu(items, x, y, () => this._leadKeyboard());
  }

  private _columnMenu(key: string, x: number, y: number): void {
    const { trans } = this._options;
    const { model } = this;
    const { columns, view } = model;
    const at = columns.findIndex(one => one.key === key);
    const order = (descending: boolean): IMenuItem => ({
      label: descending
        ? trans.__('Order: greatest first')
        : trans.__('Order: least first'),
      enabled: orderKey(key) !== null,
      toggled: view.order.some(one => one.key === key && one.descending === descending),
      execute: () => model.setView({ ...model.view, order: [{ key, descending }] })
    });
    const move = (label: string, shortcut: string, to: number): IMenuItem => ({
      label,
      shortcut,
      enabled: to >= 0 && to <= columns.length,
      execute: () => model.setView({ ...model.view, columns: moved(columns, at, to) })
    });
    openMenu(
      [
        order(false),
        order(true),
        {
          label: trans.__('No order'),
          enabled: view.order.length > 0,
          execute: () => model.setView({ ...model.view, order: [] })
        },
        null,
        {
          label: trans.__('Group by this'),
          enabled: canGroup(key),
          toggled: view.group === key,
          execute: () =>
            model.setView({ ...model.view, group: view.group === key ? null : key })
        },
        null,
        move(trans.__('Move left'), 'Ctrl ←', at - 1),
        move(trans.__('Move right'), 'Ctrl →', at < columns.length - 1 ? at + 2 : -1),
        {
          label: trans.__('Hide column'),
          shortcut: 'Delete',
          execute: () =>
            model.setView({
              ...model.view,
              columns: columns.filter(one => one.key !== key)
            })
        }
      ],
      x,
      y,
      () => this._leadKeyboard()
    );
  }

  private _leadKeyboard(): void {
    // Where a dialog or an input has come up meanwhile, the keyboard belongs to that.
    if (!this.isDisposed && document.activeElement === document.body) {
      this.node.querySelector<HTMLElement>('.jp-mlops-grid')?.focus();
    }
  }

  private _actions: IRunActions = {
    open: id => this._options.open(id),
    compare: ids => this._compare(ids),
    report: ids => this._report(ids),
    favourite: ids => void this._favourite(ids),
    note: run => void this._note(run),
    copyIds: ids => this._copy(ids),
    runMenu: (run, x, y) => this._runMenu(run, x, y),
    columnMenu: (key, x, y) => this._columnMenu(key, x, y),
    search: () => {
      this._search.current?.focus();
      this._search.current?.select();
    }
  };

  private _experimentName = '';
  private readonly _views: ViewsMenu;
  private _watch: Watch;
  private _search = React.createRef<HTMLInputElement>();
}

export namespace RunsContent {
  export interface IOptions {
    client: MlopsClient;
    /** The experiment's id; null: the runs of all. */
    experiment: string | null;
    view: IRunsView;
    /** The saved view that this one came from. */
    viewName: string | null;
    /** Null where JupyterLab keeps no settings. */
    views: SavedViews | null;
    open: (id: string) => void;
    compare: (ids: readonly string[]) => void;
    report: (ids: readonly string[]) => void;
    trans: TranslationBundle;
  }
}
