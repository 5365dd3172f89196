import { Dialog, InputDialog, Notification, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { RunsTableModel } from '../model/runsTable';
import type { IRunsView } from '../model/runsView';
import { NEW_VIEW, sameView } from '../model/runsView';
import type { ISavedView, SavedViews } from '../model/savedViews';
import type { IMenuItem } from './menus';
import { openMenu } from './menus';

/** The menu of a table's saved views: choose one, keep how the table looks, delete one. */
export class ViewsMenu {
  constructor(private readonly _options: ViewsMenu.IOptions) {
    this._name = _options.name;
  }

  /** The name of the saved view that was chosen last; it may have been changed since. */
  get name(): string | null {
    return this._name;
  }

  /** The saved view of that name. */
  get saved(): ISavedView | undefined {
    return this._name === null ? undefined : this._options.views?.find(this._name);
  }

  /** Show it at a place of the window. */
  open(x: number, y: number): void {
    const { model, views, trans, onClosed } = this._options;
    const named = this._name;
    const show = (view: IRunsView, name: string | null) => {
      this._name = name;
      model.setView(view);
    };
    const known = views?.all ?? [];
    const items: (IMenuItem | null)[] = [
      { label: trans.__('Default'), execute: () => show(NEW_VIEW, null) },
      ...known.map(({ name, view }) => ({
        label: name,
        toggled: name === named && sameView(view, model.view),
        execute: () => show(view, name)
      })),
      null,
      {
        label: trans.__('Save view as…'),
        enabled: views !== null,
        execute: () => void this._saveAs()
      }
    ];
    const { saved } = this;
    if (named && saved) {
      items.push(
        {
          label: trans.__('Save changes to “%1”', named),
          enabled: !sameView(saved.view, model.view),
          execute: () => void this._store(named)
        },
        {
          label: trans.__('Delete “%1”', named),
          execute: () => void this._remove(named)
        }
      );
    }
    openMenu(items, x, y, onClosed);
  }

  private async _saveAs(): Promise<void> {
    const { views, trans } = this._options;
    const answer = await InputDialog.getText({
      title: trans.__('Save view'),
      label: trans.__('Name'),
      text: this._name ?? '',
      okLabel: trans.__('Save')
    });
    const name = answer.value?.trim();
    if (!answer.button.accept || !name) {
      return;
    }
    if (views?.find(name)) {
      const sure = await showDialog({
        title: trans.__('Replace “%1”?', name),
        body: trans.__('There is a view of this name.'),
        buttons: [Dialog.cancelButton(), Dialog.warnButton({ label: trans.__('Replace') })]
      });
      if (!sure.button.accept) {
        return;
      }
    }
    await this._store(name);
  }

  private async _store(name: string): Promise<void> {
    const { model, views, trans } = this._options;
    const { columns, view } = model;
    // What is seen is saved, also where the columns were never chosen.
    const saved = { ...view, columns: [...columns] };
    try {
      await views?.save(name, saved);
    } catch (error) {
      Notification.error(trans.__('The view could not be saved: %1', String(error)));
      return;
    }
    this._name = name;
    model.setView(saved);
  }

  private async _remove(name: string): Promise<void> {
    const { model, views, trans } = this._options;
    try {
      await views?.remove(name);
    } catch (error) {
      Notification.error(trans.__('The view could not be deleted: %1', String(error)));
      return;
    }
    this._name = null;
    model.setView({ ...model.view });
  }

  private _name: string | null;
}

export namespace ViewsMenu {
  export interface IOptions {
    model: RunsTableModel;
    /** The saved view that the table came from. */
    name: string | null;
    /** Null where JupyterLab keeps no settings. */
    views: SavedViews | null;
    /** The menu has gone. */
    onClosed: () => void;
    trans: TranslationBundle;
  }
}
