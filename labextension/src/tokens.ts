import { Token } from '@lumino/coreutils';

import type { Deletion } from './model/deletion';
import type { JobsModel } from './model/jobs';

/** The jobs of this person, live; other extensions may use it too. */
export const IJobs = new Token<IJobs>(
  'jupyter-mlops:IJobs',
  'The jobs of the jupyter-mlops daemon: a live list, the API client and the event stream.'
);
export interface IJobs {
  readonly model: JobsModel;
  readonly deletion: Deletion;
}

/** Ids of the commands; menus, toolbars and shortcuts in schema/ refer to them. */
export namespace CommandIDs {
  export const runNotebook = 'jupyter-mlops:run-notebook';
  export const openJob = 'jupyter-mlops:open-job';
  export const showJobs = 'jupyter-mlops:show-jobs';
  export const cancelJob = 'jupyter-mlops:cancel-job';
  export const rerunJob = 'jupyter-mlops:rerun-job';
  export const rerunJobWithChanges = 'jupyter-mlops:rerun-job-with-changes';
  export const deleteJob = 'jupyter-mlops:delete-job';
  export const openOutput = 'jupyter-mlops:open-output-notebook';
  export const openMlflow = 'jupyter-mlops:open-mlflow';
}
