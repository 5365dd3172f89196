import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { Job } from '../api/types';
import { formatDuration } from '../time';
import { stateLabel, StateIcon } from './StateBadge';

interface IProps {
  job: Job;
  trans: TranslationBundle;
}

/** The values that the notebook ran with, and what it measured. */
export function Parameters({ job, trans }: IProps): React.JSX.Element {
  const parameters = Object.entries(job.spec.parameters ?? {});
  const metrics = Object.entries(job.metrics);
  return (
    <div className="jp-mlops-details" tabIndex={0}>
      <h3>{trans.__('Parameters')}</h3>
      {parameters.length ? (
        <Table
          rows={parameters.map(([name, value]) => [name, JSON.stringify(value)])}
          head={[trans.__('Name'), trans.__('Value')]}
        />
      ) : (
        <p>{trans.__('None given: the notebook ran with its own defaults.')}</p>
      )}
      <h3>{trans.__('Metrics')}</h3>
      {metrics.length ? (
        <Table
          rows={metrics.map(([name, value]) => [name, String(value)])}
          head={[trans.__('Name'), trans.__('Last value')]}
        />
      ) : (
        <p>
          {trans.__(
            'None yet. What the notebook logs with mlflow.log_metric appears here.'
          )}
        </p>
      )}
    </div>
  );
}

/** Everything else: attempts, where things are, the specification as sent. */
export function Details({ job, trans }: IProps): React.JSX.Element {
  const start = job.attempts[job.attempts.length - 1]?.start;
  const rows: [string, React.ReactNode][] = [
    [trans.__('Job id'), <code key="id">{job.id}</code>],
    [trans.__('Notebook'), job.notebook],
    [trans.__('Snapshot'), <code key="hash">{job.notebook_hash.slice(0, 16)}</code>],
    [trans.__('Kernel'), job.kernel.display_name || job.kernel.name],
    [trans.__('Executed notebook'), job.outputs.notebook ?? '—'],
    [trans.__('HTML'), job.outputs.html ?? '—'],
    [trans.__('Log file'), job.outputs.log ?? '—'],
    [
      trans.__('MLflow run'),
      job.tracking.run_id ? <code key="run">{job.tracking.run_id}</code> : '—'
    ]
  ];
  if (job.tracking.detail) {
    rows.push([trans.__('Tracking'), job.tracking.detail]);
  }
  if (job.git_commit) {
    rows.push([
      trans.__('Git commit'),
      <code key="git">
        {job.git_commit.slice(0, 12)}
        {job.git_dirty ? ' ' + trans.__('(with uncommitted changes)') : ''}
      </code>
    ]);
  }
  if (start) {
    rows.push([
      trans.__('Start'),
      start.warm
        ? trans.__('warm; preloaded: %1', start.preloaded.join(', ') || trans.__('nothing'))
        : trans.__('cold: %1', start.reason)
    ]);
    for (const [module, why] of Object.entries(start.left_out)) {
      rows.push([trans.__('Not preloaded'), `${module}: ${why}`]);
    }
  }
  return (
    <div className="jp-mlops-details" tabIndex={0}>
      <table className="jp-mlops-table">
        <tbody>
          {rows.map(([name, value], index) => (
            <tr key={index}>
              <th scope="row">{name}</th>
              <td>{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <h3>{trans.__('Attempts')}</h3>
      <Attempts job={job} trans={trans} />
      <h3>{trans.__('Specification')}</h3>
      <pre className="jp-mlops-json">{JSON.stringify(job.spec, null, 2)}</pre>
    </div>
  );
}

function Attempts({ job, trans }: IProps): React.JSX.Element {
  if (!job.attempts.length) {
    return <p>{trans.__('Not started yet.')}</p>;
  }
  return (
    <table className="jp-mlops-table">
      <thead>
        <tr>
          <th scope="col">{trans.__('No.')}</th>
          <th scope="col">{trans.__('State')}</th>
          <th scope="col">{trans.__('Duration')}</th>
          <th scope="col">{trans.__('Peak memory')}</th>
          <th scope="col">{trans.__('Why')}</th>
        </tr>
      </thead>
      <tbody>
        {job.attempts.map(attempt => (
          <tr key={attempt.number}>
            <td>{attempt.number}</td>
            <td>
              <span className="jp-mlops-labelled">
                <StateIcon state={attempt.state} label={stateLabel(attempt.state, trans)} />
                {stateLabel(attempt.state, trans)}
              </span>
            </td>
            <td>
              {attempt.started_at && attempt.ended_at
                ? formatDuration(attempt.ended_at - attempt.started_at, trans)
                : '—'}
            </td>
            <td>
              {attempt.peak_memory
                ? trans.__('%1 MiB', Math.round(attempt.peak_memory / 2 ** 20))
                : '—'}
            </td>
            <td>{attempt.failure?.message ?? ''}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Table(props: { head: string[]; rows: string[][] }): React.JSX.Element {
  return (
    <table className="jp-mlops-table">
      <thead>
        <tr>
          {props.head.map(text => (
            <th key={text} scope="col">
              {text}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {props.rows.map(row => (
          <tr key={row[0]}>
            <th scope="row">{row[0]}</th>
            {row.slice(1).map((text, index) => (
              <td key={index}>
                <code>{text}</code>
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
