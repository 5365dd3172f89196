import type { TranslationBundle } from '@jupyterlab/translation';
import { deleteIcon, refreshIcon, stopIcon } from '@jupyterlab/ui-components';
import type { LabIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { Job } from '../api/types';
import { isTerminal, tookSeconds } from '../api/types';
import { formatDuration } from '../time';
import { Elapsed, RelativeTime } from './Clock';
import { Progress, progressText, waitingText } from './Progress';
import { jobStateLabel, StateIcon } from './StateBadge';

export interface IJobRowProps {
  job: Job;
  index: number;
  selected: boolean;
  active: boolean;
  /** Within a group, which makes the list a tree. */
  indented: boolean;
  trans: TranslationBundle;
  onClick: (event: React.MouseEvent) => void;
  onOpen: () => void;
  onCancel: () => void;
  onRerun: () => void;
  onDelete: () => void;
}

/** One job: state and name, then what matters most about it now. */
export function JobRow(props: IJobRowProps): React.JSX.Element {
  const { job, trans } = props;
  const label = jobStateLabel(job, trans);
  const ended = isTerminal(job.state);
  return (
    <div
      id={`jp-mlops-job-${job.id}`}
      className={
        'jp-mlops-row' +
        (props.active ? ' jp-mod-active' : '') +
        (props.indented ? ' jp-mod-indented' : '')
      }
      role="row"
      aria-selected={props.selected}
      aria-rowindex={props.index + 1}
      aria-level={props.indented ? 2 : undefined}
      data-mlops-job={job.id}
      onClick={props.onClick}
      onDoubleClick={props.onOpen}
    >
      <div role="gridcell" className="jp-mlops-row-state">
        <StateIcon state={job.state} label={label} />
      </div>
      <div role="gridcell" className="jp-mlops-row-main">
        <div className="jp-mlops-row-name" title={job.spec.notebook}>
          {job.name}
        </div>
        <div className="jp-mlops-row-detail">
          <RowDetail job={job} trans={trans} label={label} />
        </div>
        {!ended && <Progress job={job} trans={trans} />}
      </div>
      <div role="gridcell" className="jp-mlops-row-actions">
        {ended ? (
          <>
            <RowButton
              icon={refreshIcon}
              shortcut="R"
              label={trans.__('Rerun')}
              onClick={props.onRerun}
            />
            <RowButton
              icon={deleteIcon}
              shortcut="Del"
              label={trans.__('Delete')}
              onClick={props.onDelete}
            />
          </>
        ) : (
          <RowButton
            icon={stopIcon}
            shortcut="Del"
            label={trans.__('Cancel')}
            disabled={job.cancelling}
            onClick={props.onCancel}
          />
        )}
      </div>
    </div>
  );
}

function RowDetail(props: {
  job: Job;
  label: string;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { job, trans, label } = props;
  if (job.state === 'queued') {
    return (
      <span title={waitingText(props)}>
        {waitingText(props) || label} ·{' '}
        <RelativeTime epoch={job.created_at} trans={trans} />
      </span>
    );
  }
  if (!isTerminal(job.state)) {
    return (
      <span>
        {label}
        {job.progress.total > 0 && ' · ' + progressText(props)}
        {job.started_at && (
          <>
            {' · '}
            <Elapsed from={job.started_at} trans={trans} />
          </>
        )}
      </span>
    );
  }
  const took = tookSeconds(job);
  return (
    <span title={job.failure?.message}>
      <RelativeTime epoch={job.ended_at ?? job.created_at} trans={trans} />
      {took !== null && (
        <>
          {' · '}
          {formatDuration(took, trans)}
        </>
      )}
      {job.failure && job.state === 'failed' && (
        <span className="jp-mlops-row-failure">
          {' · '}
          {job.failure.ename ?? job.failure.message}
        </span>
      )}
    </span>
  );
}

function RowButton(props: {
  icon: LabIcon;
  label: string;
  /** What does the same from the keyboard. */
  shortcut: string;
  disabled?: boolean;
  onClick: () => void;
}): React.JSX.Element {
  return (
    <button
      type="button"
      className="jp-mlops-iconButton"
      title={`${props.label} (${props.shortcut})`}
      aria-label={props.label}
      disabled={props.disabled}
      tabIndex={-1}
      onClick={event => {
        event.stopPropagation();
        props.onClick();
      }}
      onDoubleClick={event => event.stopPropagation()}
    >
      <props.icon.react tag="span" width="16px" height="16px" />
    </button>
  );
}
