import { Dialog } from '@jupyterlab/apputils';
import type { Contents } from '@jupyterlab/services';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import { MessageLoop } from '@lumino/messaging';
import * as React from 'react';

import type { MlopsClient } from '../api/client';
import { MlopsError } from '../api/client';
import type { IReportChoice, ReportFile } from '../api/reports';
import { makeReport } from '../api/reports';
import { ReportForm } from '../components/ReportForm';
import type { ISavedReport } from '../model/reportFiles';
import { saveReport } from '../model/reportFiles';

export interface IMadeReport extends ISavedReport {
  /** What it doesn't show, a sentence each. */
  readonly leftOut: readonly string[];
}

/** The form's content; holds what was chosen while the report is made. */
class ReportBody extends ReactWidget {
  constructor(private readonly _options: ReportDialog.IOptions) {
    super();
    this.addClass('jp-mlops-formBody');
  }

  /** Make and save it; null when something was refused, which then stands above the fields. */
  async make(): Promise<IMadeReport | null> {
    const { client, contents, folder, runs } = this._options;
    this._busy = true;
    this._problem = null;
    this.update();
    try {
      // What was made and could not be saved isn't made again for another try.
      const report = this._report ?? (await makeReport(client, runs, this._choice));
      if (this.isDisposed) {
        return null;
      }
      this._report = report;
      const saved = await saveReport(contents, folder, report);
      return { ...saved, leftOut: report.left_out };
    } catch (error) {
      this._problem = this._told(error);
      return null;
    } finally {
      this._busy = false;
      if (!this.isDisposed) {
        this.update();
        await this._showProblem();
      }
    }
  }

  protected render(): React.JSX.Element {
    return (
      <ReportForm
        client={this._options.client}
        runs={this._options.runs}
        folder={this._options.folder}
        choice={this._choice}
        onChoice={choice => {
          this._choice = choice;
          this._report = null;
          this.update();
        }}
        problem={this._problem}
        busy={this._busy}
        trans={this._options.trans}
      />
    );
  }

  private _told(error: unknown): { what: string; hint: string } {
    const { folder, trans } = this._options;
    if (error instanceof MlopsError) {
      return { what: error.message, hint: error.hint };
    }
    // Of the contents manager, whichever drive the folder is on.
    return {
      what: trans.__('The report can’t be saved in %1.', folder || '/'),
      hint: trans.__(
        'Open a folder in the file browser that you may write to. (%1)',
        error instanceof Error ? error.message : String(error)
      )
    };
  }

  private async _showProblem(): Promise<void> {
    MessageLoop.flush();
    await this.renderPromise;
    this.node.querySelector<HTMLElement>('.jp-mlops-notice[role="alert"]')?.focus();
  }

  private _choice: IReportChoice = { title: '', metrics: null, html: false };
  private _report: ReportFile | null = null;
  private _problem: { what: string; hint: string } | null = null;
  private _busy = false;
}

/** "Report…": stays open until the report has been saved. */
export class ReportDialog extends Dialog<IMadeReport> {
  constructor(options: ReportDialog.IOptions) {
    const { trans, runs } = options;
    const body = new ReportBody(options);
    super({
      title: trans._n('Report on %1 run', 'Report on %1 runs', runs.length),
      body,
      buttons: [
        Dialog.cancelButton({ label: trans.__('Cancel') }),
        Dialog.okButton({ label: trans.__('Make report') })
      ],
      focusNodeSelector: 'input[type="text"]'
    });
    this.addClass('jp-mlops-formDialog');
    this._form = body;
  }

  /** The report, saved; null when the person changed their mind. */
  async ask(): Promise<IMadeReport | null> {
    const result = await this.launch();
    return result.button.accept ? this._made : null;
  }

  handleEvent(event: Event): void {
    // What was refused is shown in the dialog, which would take it for a field that isn't valid.
    if (event.type !== 'input') {
      super.handleEvent(event);
    }
  }

  resolve(index?: number): void {
    // Enter asks for the default button.
    const accepted = index === undefined || index === 1;
    if (!accepted || this._made) {
      super.resolve(index);
      return;
    }
    if (this._making) {
      return;
    }
    this._making = true;
    void this._form
      .make()
      .then(made => {
        if (made) {
          this._made = made;
          super.resolve(1);
        }
      })
      .finally(() => {
        this._making = false;
      });
  }

  private _form: ReportBody;
  private _made: IMadeReport | null = null;
  private _making = false;
}

export namespace ReportDialog {
  export interface IOptions {
    client: MlopsClient;
    contents: Contents.IManager;
    /** Where it is saved, as the contents manager names it. */
    folder: string;
    runs: readonly string[];
    trans: TranslationBundle;
  }
}

/** Ask what a report shall be like, make it and save it; null when the person changed their mind. */
export async function askForReport(
  options: ReportDialog.IOptions
): Promise<IMadeReport | null> {
  // eslint-disable-next-line jupyter/require-disposable-ownership -- disposed below
  const dialog = new ReportDialog(options);
  try {
    return await dialog.ask();
  } finally {
    dialog.dispose();
  }
}
