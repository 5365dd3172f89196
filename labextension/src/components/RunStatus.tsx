import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { RunStatus } from '../api/runs';
import type { State } from '../api/types';
import { StateIcon } from './StateBadge';

/** A run looks as the job does that it would be the run of. */
const STATES: Record<RunStatus, State> = {
  SCHEDULED: 'queued',
  RUNNING: 'running',
  FINISHED: 'succeeded',
  FAILED: 'failed',
  KILLED: 'cancelled'
};

/** The status' name for people. */
export function runStatusLabel(status: RunStatus, trans: TranslationBundle): string {
  switch (status) {
    case 'SCHEDULED':
      return trans.__('Scheduled');
    case 'RUNNING':
      return trans.__('Running');
    case 'FINISHED':
      return trans.__('Finished');
    case 'FAILED':
      return trans.__('Failed');
    case 'KILLED':
      return trans.__('Killed');
  }
}

export function RunStatusIcon(props: {
  status: RunStatus;
  trans: TranslationBundle;
}): React.JSX.Element {
  return (
    <StateIcon
      state={STATES[props.status]}
      label={runStatusLabel(props.status, props.trans)}
    />
  );
}
