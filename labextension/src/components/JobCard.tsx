import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { Job } from '../api/types';
import { isTerminal, tookSeconds } from '../api/types';
import { Elapsed } from './Clock';
import { Progress, progressText } from './Progress';
import { jobStateLabel, StateIcon } from './StateBadge';

export interface IJobCardProps {
  job: Job;
  onOpen: () => void;
  onCancel: () => void;
  onRerun: () => void;
  trans: TranslationBundle;
}

/** A job in the output of the cell that started it. */
export function JobCard(props: IJobCardProps): React.JSX.Element {
  const { job, trans } = props;
  const ended = isTerminal(job.state);
  const label = jobStateLabel(job, trans);
  const metrics = Object.entries(job.metrics).slice(0, 6);
  return (
    <section className="jp-mlops-card" aria-label={trans.__('Job %1', job.name)}>
      <div className="jp-mlops-card-line">
        <StateIcon state={job.state} label={label} />
        <strong>{job.name}</strong>
        <span className="jp-mlops-card-meta" role="status">
          {label}
          {job.progress.total > 0 && !ended && ' · ' + progressText(props)}
          {job.started_at && (
            <>
              {' · '}
              <Elapsed from={job.started_at} duration={tookSeconds(job)} trans={trans} />
            </>
          )}
        </span>
        <span className="jp-mlops-card-actions">
          <button type="button" className="jp-mlops-button" onClick={props.onOpen}>
            {trans.__('Open')}
          </button>
          {ended ? (
            <button type="button" className="jp-mlops-button" onClick={props.onRerun}>
              {trans.__('Rerun')}
            </button>
          ) : (
            <button
              type="button"
              className="jp-mlops-button jp-mod-danger"
              disabled={job.cancelling}
              onClick={props.onCancel}
            >
              {trans.__('Cancel')}
            </button>
          )}
        </span>
      </div>
      {!ended && <Progress job={job} trans={trans} />}
      {job.failure && job.state === 'failed' ? (
        <div className="jp-mlops-card-failure">
          {job.failure.message}
          {job.failure.hint && <div className="jp-mlops-card-meta">{job.failure.hint}</div>}
        </div>
      ) : (
        job.last_output &&
        !ended && <pre className="jp-mlops-card-output">{job.last_output}</pre>
      )}
      {metrics.length > 0 && (
        <dl className="jp-mlops-card-metrics">
          {metrics.map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{Number(value.toPrecision(5))}</dd>
            </div>
          ))}
        </dl>
      )}
    </section>
  );
}
