import type { ISettingRegistry } from '@jupyterlab/settingregistry';
import type { PartialJSONObject } from '@lumino/coreutils';

import type { IRunsView } from './runsView';
import { viewFromJSON, viewToJSON } from './runsView';

export interface ISavedView {
  readonly name: string;
  readonly view: IRunsView;
}

const KEY = 'views';

/**
 * Views under names, in JupyterLab's settings: they are on the server, the same in every browser
 * and workspace, and can be looked at, copied and backed up as all settings are.
 */
export class SavedViews {
  constructor(private readonly _settings: ISettingRegistry.ISettings) {}

  /** By name. */
  get all(): readonly ISavedView[] {
    return readViews(this._settings.get(KEY).composite);
  }

  find(name: string): ISavedView | undefined {
    return this.all.find(one => one.name === name);
  }

  /** Save a view; one of the same name is replaced. */
  async save(name: string, view: IRunsView): Promise<void> {
    const others = this.all.filter(one => one.name !== name);
    await this._write([...others, { name, view }]);
  }

  async remove(name: string): Promise<void> {
    await this._write(this.all.filter(one => one.name !== name));
  }

  private async _write(views: readonly ISavedView[]): Promise<void> {
    const saved: PartialJSONObject[] = [...views]
      .sort((a, b) => a.name.localeCompare(b.name))
      .map(({ name, view }) => ({ name, ...viewToJSON(view) }));
    await this._settings.set(KEY, saved);
  }
}

/** What the settings hold, as far as it can be used. */
export function readViews(saved: unknown): ISavedView[] {
  if (!Array.isArray(saved)) {
    return [];
  }
  return saved.flatMap((one: unknown) => {
    const name = (one as { name?: unknown } | null)?.name;
    return typeof name === 'string' && name ? [{ name, view: viewFromJSON(one) }] : [];
  });
}
