import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { MlopsError } from '../api/client';
import type { Job } from '../api/types';
import { isTerminal, tookSeconds } from '../api/types';
import { ErrorNotice } from './ErrorNotice';
import { Elapsed, RelativeTime } from './Clock';
import { Progress, progressText, waitingText } from './Progress';
import { jobStateLabel, StateIcon } from './StateBadge';

export interface IHeaderActions {
  cancel(): void;
  rerun(): void;
  rerunWithChanges(): void;
  openOutput(): void;
  openMlflow(): void;
  openSource(): void;
}

export type Tab = 'notebook' | 'log' | 'parameters' | 'details';

export interface IJobHeaderProps {
  job: Job;
  tab: Tab;
  onTab: (tab: Tab) => void;
  trusted: boolean;
  onTrust: () => void;
  /** It is there for the first time: the keyboard can be led to it. */
  onShown: () => void;
  /** Why its executed notebook can't be followed; null while it can. */
  error: MlopsError | null;
  onRetry: () => void;
  actions: IHeaderActions;
  trans: TranslationBundle;
}

/** What it is, where it is, why, and what can be done about it. */
export function JobHeader(props: IJobHeaderProps): React.JSX.Element {
  const { job, actions, trans } = props;
  const ended = isTerminal(job.state);
  const label = jobStateLabel(job, trans);
  React.useEffect(() => props.onShown(), []);
  return (
    <header className="jp-mlops-header">
      <div className="jp-mlops-header-line">
        <div className="jp-mlops-header-title">
          <StateIcon state={job.state} label={label} />
          <h2 title={job.notebook}>{job.name}</h2>
          <span className="jp-mlops-header-state" data-state={job.state} role="status">
            {label}
          </span>
        </div>
        <div className="jp-mlops-header-meta">
          {job.contents.notebook && (
            <>
              <button
                type="button"
                className="jp-mlops-link"
                title={trans.__('Open the notebook that this job was made from')}
                onClick={actions.openSource}
              >
                {job.contents.notebook}
              </button>
              {' · '}
            </>
          )}
          {job.attempt > 1 && trans.__('attempt %1', job.attempt) + ' · '}
          {job.started_at ? (
            <Elapsed from={job.started_at} duration={tookSeconds(job)} trans={trans} />
          ) : (
            <RelativeTime epoch={job.created_at} trans={trans} />
          )}
          {!ended && job.progress.total > 0 && ' · ' + progressText(props)}
          {job.attempts.length > 0 &&
            job.attempts[job.attempts.length - 1].start.warm &&
            ' · ' + trans.__('warm start')}
        </div>
        <div className="jp-mlops-header-actions">
          {ended ? (
            <>
              <Button label={trans.__('Rerun')} onClick={actions.rerun} />
              <Button
                label={trans.__('Rerun with changes…')}
                onClick={actions.rerunWithChanges}
              />
            </>
          ) : (
            <Button
              danger
              label={trans.__('Cancel')}
              disabled={job.cancelling}
              onClick={actions.cancel}
            />
          )}
          <Button
            label={trans.__('Open executed notebook')}
            disabled={!job.outputs.notebook}
            onClick={actions.openOutput}
          />
          <Button
            label={trans.__('Open in MLflow')}
            disabled={!job.tracking.run_id}
            onClick={actions.openMlflow}
          />
        </div>
      </div>
      {job.state === 'queued' && job.waiting_for && (
        <div className="jp-mlops-notice">{waitingText(props)}</div>
      )}
      {job.failure && job.state === 'failed' && (
        <div className="jp-mlops-notice jp-mod-error" role="alert">
          <div className="jp-mlops-notice-what">
            {job.failure.message} <code>{job.failure.code}</code>
          </div>
          {job.failure.hint && <div>{job.failure.hint}</div>}
        </div>
      )}
      {props.error && (
        <ErrorNotice error={props.error} onRetry={props.onRetry} trans={trans} />
      )}
      {job.warnings.map((warning, index) => (
        <div key={index} className="jp-mlops-notice">
          {warning}
        </div>
      ))}
      <div className="jp-mlops-tabs">
        <div
          role="tablist"
          aria-label={trans.__('Views of the job')}
          onKeyDown={arrowKeys(props)}
        >
          {tabs(trans).map(([tab, text]) => (
            <button
              key={tab}
              type="button"
              role="tab"
              id={`jp-mlops-tab-${job.id}-${tab}`}
              aria-controls={`jp-mlops-view-${job.id}-${tab}`}
              aria-selected={props.tab === tab}
              tabIndex={props.tab === tab ? 0 : -1}
              className="jp-mlops-tab"
              onClick={() => props.onTab(tab)}
            >
              {text}
            </button>
          ))}
        </div>
        {props.tab === 'notebook' && job.attempt > 0 && (
          <button
            type="button"
            className="jp-mlops-link"
            disabled={props.trusted}
            title={trans.__(
              'Scripts and HTML in outputs are kept back until you trust this notebook.'
            )}
            onClick={props.onTrust}
          >
            {props.trusted ? trans.__('Trusted') : trans.__('Not trusted. Trust outputs')}
          </button>
        )}
      </div>
      {!ended && <Progress job={job} trans={trans} />}
    </header>
  );
}

function tabs(trans: TranslationBundle): [Tab, string][] {
  return [
    ['notebook', trans.__('Notebook')],
    ['log', trans.__('Log')],
    ['parameters', trans.__('Parameters')],
    ['details', trans.__('Details')]
  ];
}

function arrowKeys(props: IJobHeaderProps) {
  return (event: React.KeyboardEvent<HTMLDivElement>) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) {
      return;
    }
    event.preventDefault();
    const all = tabs(props.trans).map(([tab]) => tab);
    const next = (all.indexOf(props.tab) + step + all.length) % all.length;
    props.onTab(all[next]);
    (event.currentTarget.children[next] as HTMLElement).focus();
  };
}

function Button(props: {
  label: string;
  onClick: () => void;
  disabled?: boolean;
  danger?: boolean;
}): React.JSX.Element {
  return (
    <button
      type="button"
      className={'jp-mlops-button' + (props.danger ? ' jp-mod-danger' : '')}
      disabled={props.disabled}
      onClick={props.onClick}
    >
      {props.label}
    </button>
  );
}
