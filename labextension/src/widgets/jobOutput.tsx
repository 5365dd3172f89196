import type { IRenderMime } from '@jupyterlab/rendermime-interfaces';
import type { TranslationBundle } from '@jupyterlab/translation';
import { ReactWidget } from '@jupyterlab/ui-components';
import * as React from 'react';

import { MlopsError } from '../api/client';
import type { Job } from '../api/types';
import { JobCard } from '../components/JobCard';
import type { JobsModel } from '../model/jobs';

/** What `%mlops run` puts into a cell's output. */
export const JOB_MIME_TYPE = 'application/vnd.jupyter-mlops.job+json';

/**
 * A job in a cell's output, live through the API: it works while the kernel is busy, after the
 * kernel was restarted, and in a notebook that was opened again a week later.
 */
export class JobOutput extends ReactWidget implements IRenderMime.IRenderer {
  constructor(private readonly _options: JobOutput.IOptions) {
    super();
    this.addClass('jp-mlops-jobOutput');
    _options.model.jobChanged.connect(this._onJob, this);
  }

  async renderModel(mime: IRenderMime.IMimeModel): Promise<void> {
    const data = mime.data[JOB_MIME_TYPE] as { id?: unknown } | undefined;
    const id =
      typeof data?.id === 'string' && /^[0-9a-f]{12}$/.test(data.id) ? data.id : '';
    if (!id || id === this._id) {
      return;
    }
    this._id = id;
    this._options.model.start();
    try {
      this._take(await this._options.model.client.job(id));
    } catch (error) {
      if (!(error instanceof MlopsError)) {
        throw error;
      }
      this._error = error;
      this.update();
    }
  }

  dispose(): void {
    if (!this.isDisposed) {
      this._options.model.jobChanged.disconnect(this._onJob, this);
      super.dispose();
    }
  }

  protected render(): React.JSX.Element {
    const { trans, actions } = this._options;
    const job = this._job;
    if (!job) {
      return (
        <div className="jp-mlops-card" role="status">
          {!this._error
            ? trans.__('Loading…')
            : this._error.status === 404
              ? trans.__('This job has been deleted.')
              : this._error.message}
        </div>
      );
    }
    return (
      <JobCard
        job={job}
        onOpen={() => actions.open(job.id)}
        onCancel={() => actions.cancel(job.id)}
        onRerun={() => actions.rerun(job.id)}
        trans={trans}
      />
    );
  }

  private _onJob(_: JobsModel, job: Job): void {
    if (job.id === this._id) {
      this._take(job);
    }
  }

  private _take(job: Job): void {
    if (!this._job || job.version >= this._job.version) {
      this._job = job;
      this.update();
    }
  }

  private _id = '';
  private _job: Job | null = null;
  private _error: MlopsError | null = null;
}

export namespace JobOutput {
  export interface IOptions {
    model: JobsModel;
    actions: Record<'open' | 'cancel' | 'rerun', (id: string) => void>;
    trans: TranslationBundle;
  }
}
