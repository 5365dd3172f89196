import { Dialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import type { ReadonlyJSONObject } from '@lumino/coreutils';
import { UUID } from '@lumino/coreutils';
import { MessageLoop } from '@lumino/messaging';
import type { RJSFSchema, UiSchema } from '@rjsf/utils';
import * as React from 'react';

import type { MlopsClient } from '../api/client';
import { MlopsError } from '../api/client';
import type { IProblem, Job, JobSpec, NotebookInfo, SpecChanges } from '../api/types';
import { FORM_ID, JobForm } from '../components/JobForm';
import type { IFormData } from '../form/schema';
import { formSchema, initialData, toErrors, toSpec } from '../form/schema';

/** A field that the server doesn't know and so refuses: nothing is made, all is checked. */
const UNREADABLE = 'unreadable';

/** The form's content; holds what was typed while the server is asked. */
class FormBody extends ReactWidget {
  constructor(private readonly _options: JobFormDialog.IOptions) {
    super();
    const { jobSpec, info, trans, rerunOf } = _options;
    ({ schema: this._schema, uiSchema: this._uiSchema } = formSchema(
      jobSpec,
      info,
      trans,
      !!rerunOf
    ));
    this._data = initialData(info, rerunOf?.spec, _options.values);
    this._problems = info.problems as unknown as IProblem[];
    this.addClass('jp-mlops-formBody');
  }

  /** Set by the dialog: Enter in a field sends the form. */
  onSubmit: () => void = () => undefined;

  /** Send; null when something was refused, which then stands beside its field. */
  async send(): Promise<Job | null> {
    const { client, info, trans, rerunOf } = this._options;
    const { spec, problems } = toSpec(this._data, info, trans, !!rerunOf);
    problems.push(...this._unreadableNumbers());
    // What can't be read here can't be sent; the server still says what is wrong with the rest.
    const probe = problems.length ? { [UNREADABLE]: true } : {};
    this._busy = true;
    this.update();
    try {
      return rerunOf
        ? await client.rerun(rerunOf.id, { ...changes(spec), ...probe })
        : await client.submit({ spec: { ...(spec as JobSpec), ...probe } }, this._key);
    } catch (error) {
      if (!(error instanceof MlopsError)) {
        throw error;
      }
      const refused = error.problems.filter(({ where }) => !where.endsWith(UNREADABLE));
      if (!error.problems.length) {
        const message = [error.message, error.hint].filter(Boolean).join(' ');
        refused.push({ where: '', message });
      }
      this._problems = [...problems, ...refused];
      return null;
    } finally {
      this._busy = false;
      this.update();
      await this._showFirstProblem();
    }
  }

  protected render(): React.JSX.Element {
    const { errors, others } = toErrors(this._problems, this._schema);
    return (
      <JobForm
        info={this._options.info}
        schema={this._schema}
        uiSchema={this._uiSchema}
        data={this._data}
        errors={errors}
        others={others}
        busy={this._busy}
        onChange={data => {
          this._data = data;
          // What is sent now is another request than the one before.
          this._key = UUID.uuid4();
          this.update();
        }}
        onSubmit={() => this.onSubmit()}
        trans={this._options.trans}
      />
    );
  }

  /** Numbers that the browser holds back, since they are none. */
  private _unreadableNumbers(): IProblem[] {
    const message = this._options.trans.__('Write a number.');
    return [...this.node.querySelectorAll<HTMLInputElement>('input[type="number"]')]
      .filter(input => input.validity?.badInput)
      .map(input => ({ where: input.id.slice(FORM_ID.length + 1), message }));
  }

  private async _showFirstProblem(): Promise<void> {
    MessageLoop.flush();
    await this.renderPromise;
    const control = ':is(input, select, textarea)';
    const first = this.node.querySelector<HTMLElement>(
      `[data-invalid="true"] ${control}, .jp-mlops-notice[role="alert"]`
    );
    first?.scrollIntoView({ block: 'nearest' });
    first?.focus();
  }

  private _schema: RJSFSchema;
  private _uiSchema: UiSchema<ReadonlyJSONObject>;
  private _data: IFormData;
  private _problems: readonly IProblem[];
  private _busy = false;
  private _key = UUID.uuid4();
}

function changes(spec: Partial<JobSpec>): Partial<SpecChanges> {
  const { name, parameters, env, retries, timeout } = spec;
  return Object.fromEntries(
    Object.entries({ name, parameters, env, retries, timeout }).filter(
      ([, value]) => value !== undefined
    )
  );
}

/** Ask for a job; null when the person changed their mind. */
export async function askForJob(options: JobFormDialog.IOptions): Promise<Job | null> {
  // eslint-disable-next-line jupyter/require-disposable-ownership -- disposed below
  const dialog = new JobFormDialog(options);
  try {
    return await dialog.ask();
  } finally {
    dialog.dispose();
  }
}

/** "Run as Job…": stays open until the server has accepted the job. */
export class JobFormDialog extends Dialog<Job> {
  constructor(options: JobFormDialog.IOptions) {
    const { trans, info, rerunOf } = options;
    const body = new FormBody(options);
    super({
      title: rerunOf
        ? trans.__('Rerun %1 with changes', rerunOf.name)
        : trans.__('Run %1 as a job', info.notebook.split('/').pop() ?? info.notebook),
      body,
      buttons: [
        Dialog.cancelButton({ label: trans.__('Cancel') }),
        Dialog.okButton({ label: rerunOf ? trans.__('Rerun') : trans.__('Run') })
      ],
      focusNodeSelector: '.jp-mlops-field-control :is(input, select, textarea)'
    });
    this.addClass('jp-mlops-formDialog');
    this._form = body;
    body.onSubmit = () => this.resolve(1);
  }

  /** The accepted job, or null when the person changed their mind. */
  async ask(): Promise<Job | null> {
    const result = await this.launch();
    return result.button.accept ? this._job : null;
  }

  handleEvent(event: Event): void {
    // A button that can't be pressed doesn't say why: all that is wrong is told when it is pressed.
    if (event.type !== 'input') {
      super.handleEvent(event);
    }
  }

  resolve(index?: number): void {
    if (index !== 1 || this._job) {
      super.resolve(index);
      return;
    }
    if (this._sending) {
      return;
    }
    this._sending = true;
    void this._form
      .send()
      .then(job => {
        if (job) {
          this._job = job;
          super.resolve(1);
        }
      })
      .finally(() => {
        this._sending = false;
      });
  }

  private _form: FormBody;
  private _job: Job | null = null;
  private _sending = false;
}

export namespace JobFormDialog {
  export interface IOptions {
    client: MlopsClient;
    jobSpec: RJSFSchema;
    info: NotebookInfo;
    /** The job that is run again with changes. */
    rerunOf?: Job;
    /** Parameters that it starts with instead of the notebook's defaults. */
    values?: Readonly<Record<string, unknown>>;
    trans: TranslationBundle;
  }
}
