import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { Job, State } from '../api/types';
import { stateIcons } from '../icons';

/** The state's name for people. */
export function stateLabel(state: State, trans: TranslationBundle): string {
  switch (state) {
    case 'queued':
      return trans.__('Queued');
    case 'starting':
      return trans.__('Starting');
    case 'running':
      return trans.__('Running');
    case 'succeeded':
      return trans.__('Succeeded');
    case 'failed':
      return trans.__('Failed');
    case 'cancelled':
      return trans.__('Cancelled');
  }
}

/** The state, or that it is being cancelled. */
export function jobStateLabel(job: Job, trans: TranslationBundle): string {
  return job.cancelling ? trans.__('Cancelling') : stateLabel(job.state, trans);
}

export function StateIcon(props: { state: State; label: string }): React.JSX.Element {
  const icon = stateIcons[props.state];
  return (
    <span
      className="jp-mlops-state"
      data-state={props.state}
      role="img"
      aria-label={props.label}
      title={props.label}
    >
      <icon.react tag="span" width="16px" height="16px" />
    </span>
  );
}
