import type { JupyterFrontEnd } from '@jupyterlab/application';
import { Clipboard, Notification } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';

import type { MlopsClient } from '../api/client';
import { MlopsError } from '../api/client';
import { restoreNotebook } from '../api/run';
import type { RunNotebook, RunRow } from '../api/types';
import { reporting } from '../commands';
import type { IRunActions } from '../components/run/Header';
import { dressMlflow } from '../mlflowPages';
import type { ReproductionModel } from '../model/reproduction';
import type { RunModel } from '../model/run';
import { CommandIDs } from '../tokens';
import { openMenu } from './menus';

/** What can be done with a run from its page. */
export class RunActions {
  constructor(
    private readonly _app: JupyterFrontEnd,
    private readonly _client: MlopsClient,
    private readonly _trans: TranslationBundle
  ) {}

  of(model: RunModel, reproduction: ReproductionModel): IRunActions {
    const { commands } = this._app;
    const run = model.detail?.run;
    const has = (id: string) => commands.hasCommand(id);
    return {
      // Another plugin's command, which may be disabled.
      openExperiment:
        run && has(CommandIDs.openRuns)
          ? () =>
              void commands.execute(CommandIDs.openRuns, { experiment: run.experiment_id })
          : undefined,
      openJob: run?.job_id ? () => void this._openJob(run.job_id ?? '') : undefined,
      openNotebook: () => void this._openNotebook(model.id),
      rerunWithChanges: () => run && void this._rerun(run),
      reproduce: () => void reporting(reproduction.begin()),
      compare: has(CommandIDs.compareRuns)
        ? runs => void commands.execute(CommandIDs.compareRuns, { runs: [...runs] })
        : undefined,
      showMenu: (x, y) => this._showMenu(model, x, y),
      report: work => void reporting(work)
    };
  }

  private async _openJob(id: string): Promise<void> {
    // One that was deleted is told about before an empty page of it is there.
    if (await reporting(this._client.job(id))) {
      await this._app.commands.execute(CommandIDs.openJob, { id });
    }
  }

  private async _openNotebook(id: string): Promise<void> {
    const restored = await reporting(restoreNotebook(this._client, id));
    const path = restored && this._shown(restored);
    if (path) {
      await this._app.commands.execute('docmanager:open', { path });
      this._tell(restored);
    }
  }

  /** The form of the run's job; of a notebook that was run by hand, that of its copy. */
  private async _rerun(run: RunRow): Promise<void> {
    const { commands } = this._app;
    if (run.job_id && (await this._jobIsThere(run.job_id))) {
      await commands.execute(CommandIDs.rerunJobWithChanges, { id: run.job_id });
      return;
    }
    const restored = await reporting(restoreNotebook(this._client, run.id));
    const path = restored && this._shown(restored);
    if (path) {
      this._tell(restored);
      await commands.execute(CommandIDs.runNotebook, { path, parameters: run.params });
    }
  }

  private async _jobIsThere(id: string): Promise<boolean> {
    try {
      await this._client.job(id);
      return true;
    } catch (error) {
      if (error instanceof MlopsError && error.status === 404) {
        return false;
      }
      throw error;
    }
  }

  /** Where JupyterLab finds a copy; without a place there the person is told where it is. */
  private _shown(restored: RunNotebook): string | null {
    if (restored.contents === null) {
      Notification.warning(
        this._trans.__(
          'The notebook lies outside of the folder that this JupyterLab shows: %1',
          restored.path
        ),
        { autoClose: false }
      );
    }
    return restored.contents;
  }

  private _tell(restored: RunNotebook): void {
    if (restored.warnings.length) {
      Notification.warning(restored.warnings.join(' '), { autoClose: false });
    }
  }

  private _showMenu(model: RunModel, x: number, y: number): void {
    const run = model.detail?.run;
    if (!run) {
      return;
    }
    const trans = this._trans;
    const copy = (value: unknown) =>
      Clipboard.copyToSystem(
        typeof value === 'string' ? value : JSON.stringify(value, null, 2)
      );
    // Where a dialog or a document has come up meanwhile, the keyboard belongs to that.
    const opener = document.activeElement;
    const lead = () => {
      if (document.activeElement === document.body && opener instanceof HTMLElement) {
        opener.focus();
      }
    };
    openMenu(
      [
        {
          label: trans.__('Open Job'),
          enabled: !!run.job_id,
          execute: () => void this._openJob(run.job_id ?? '')
        },
        { label: trans.__('Open in MLflow'), execute: () => this._openMlflow(run) },
        null,
        { label: trans.__('Copy the run’s id'), execute: () => copy(run.id) },
        {
          label: trans.__('Copy the parameters as JSON'),
          execute: () => copy(run.params)
        },
        { label: trans.__('Copy the metrics as JSON'), execute: () => copy(run.metrics) }
      ],
      x,
      y,
      lead
    );
  }

  private _openMlflow(run: RunRow): void {
    if (run.job_id) {
      void this._app.commands.execute(CommandIDs.openMlflow, { id: run.job_id });
      return;
    }
    dressMlflow(window.localStorage, document.body.dataset.jpThemeLight === 'false');
    window.open(this._client.mlflowUrl(run.experiment_id, run.id), '_blank', 'noopener');
  }
}
