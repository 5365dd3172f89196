import { LabIcon } from '@jupyterlab/ui-components';

import cancelledSvg from '../style/icons/cancelled.svg';
import compareSvg from '../style/icons/compare.svg';
import failedSvg from '../style/icons/failed.svg';
import jobsSvg from '../style/icons/jobs.svg';
import queuedSvg from '../style/icons/queued.svg';
import runAsJobSvg from '../style/icons/run-as-job.svg';
import runSvg from '../style/icons/run.svg';
import runningSvg from '../style/icons/running.svg';
import succeededSvg from '../style/icons/succeeded.svg';
import type { RunStatus, State } from './api/types';

export const jobsIcon = new LabIcon({ name: 'jupyter-mlops:jobs', svgstr: jobsSvg });
export const compareIcon = new LabIcon({
  name: 'jupyter-mlops:compare',
  svgstr: compareSvg
});
export const runAsJobIcon = new LabIcon({
  name: 'jupyter-mlops:run-as-job',
  svgstr: runAsJobSvg
});
export const runIcon = new LabIcon({ name: 'jupyter-mlops:run', svgstr: runSvg });

const queuedIcon = new LabIcon({ name: 'jupyter-mlops:queued', svgstr: queuedSvg });
const runningIcon = new LabIcon({ name: 'jupyter-mlops:running', svgstr: runningSvg });
const succeededIcon = new LabIcon({
  name: 'jupyter-mlops:succeeded',
  svgstr: succeededSvg
});
const failedIcon = new LabIcon({ name: 'jupyter-mlops:failed', svgstr: failedSvg });
const cancelledIcon = new LabIcon({
  name: 'jupyter-mlops:cancelled',
  svgstr: cancelledSvg
});

/** Shape and colour both differ by state: colour alone would leave some people out. */
export const stateIcons: Record<State, LabIcon> = {
  queued: queuedIcon,
  starting: runningIcon,
  running: runningIcon,
  succeeded: succeededIcon,
  failed: failedIcon,
  cancelled: cancelledIcon
};

/** Runs end as jobs do, under MLflow's names. */
export const runIcons: Record<RunStatus, LabIcon> = {
  SCHEDULED: queuedIcon,
  RUNNING: runningIcon,
  FINISHED: succeededIcon,
  FAILED: failedIcon,
  KILLED: cancelledIcon
};
