import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { Job } from '../api/types';

interface IProps {
  job: Job;
  trans: TranslationBundle;
}

/** "3 of 8 cells". */
export function progressText({ job, trans }: IProps): string {
  return trans.__('%1 of %2 cells', job.progress.done, job.progress.total);
}

/** What a queued job waits for; empty when it doesn't say. */
export function waitingText({ job, trans }: IProps): string {
  return job.waiting_for ? trans.__('Waiting for %1', job.waiting_for) : '';
}

/** How far a job is; nothing before it is known how many cells there are. */
export function Progress(props: IProps): React.JSX.Element | null {
  const { done, total } = props.job.progress;
  if (!total) {
    return null;
  }
  return (
    <progress
      className="jp-mlops-progress"
      max={total}
      value={done}
      aria-label={progressText(props)}
    />
  );
}
