import type { TranslationBundle } from '@jupyterlab/translation';
import { treeViewIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { State } from '../api/types';
import { isTerminal } from '../api/types';
import { runAsJobIcon } from '../icons';
import type { JobsModel } from '../model/jobs';
import { ErrorNotice } from './ErrorNotice';
import type { IJobActions } from './JobList';
import { JobList } from './JobList';
import { Skeleton } from './Skeleton';
import { stateLabel, StateIcon } from './StateBadge';

export interface IJobsPanelProps {
  model: JobsModel;
  /** Ids that the person has deleted and can still bring back. */
  hidden: ReadonlySet<string>;
  actions: IJobActions;
  /** Present where a notebook is open that could be run. */
  onRunCurrent?: () => void;
  trans: TranslationBundle;
}

const SHOWN: readonly State[] = ['running', 'queued', 'succeeded', 'failed', 'cancelled'];

// Code is the same in every language.
const MAGIC = '%load_ext jupyter_mlops\n%mlops run train.ipynb -p lr=0.1';
const COMMAND = 'jupyter mlops run train.ipynb -p lr=0.1';

/** Everything inside the Jobs side panel. */
export function JobsPanel(props: IJobsPanelProps): React.JSX.Element {
  const { model, trans, actions } = props;
  const [selection, setSelection] = React.useState<ReadonlySet<string>>(new Set());
  const [grouped, setGrouped] = React.useState(false);
  const [name, setName] = React.useState(model.filter.name);
  const { states } = model.filter;
  const filterByName = (text: string) => {
    setName(text);
    void model.setFilter({ name: text.trim() });
  };

  const jobs = React.useMemo(
    () => model.jobs.filter(job => !props.hidden.has(job.id)),
    [model.jobs, props.hidden]
  );
  const chosen = jobs.filter(job => selection.has(job.id));
  const running = chosen.filter(job => !isTerminal(job.state)).map(job => job.id);
  const ended = chosen.filter(job => isTerminal(job.state)).map(job => job.id);
  const onNearEnd = React.useCallback(() => void model.loadMore(), [model]);
  const filtered = states.length > 0 || model.filter.name !== '';

  const toggleState = (state: State) => {
    const group: State[] = state === 'running' ? ['starting', 'running'] : [state];
    const next = states.includes(state)
      ? states.filter(s => !group.includes(s))
      : [...states, ...group];
    void model.setFilter({ states: next });
  };

  return (
    <div className="jp-mlops-panel">
      <div className="jp-mlops-panel-head">
        <input
          type="search"
          className="jp-mlops-filter"
          placeholder={trans.__('Filter by name')}
          aria-label={trans.__('Filter by name')}
          value={name}
          spellCheck={false}
          onChange={event => filterByName(event.target.value)}
        />
        <div
          className="jp-mlops-chips"
          role="group"
          aria-label={trans.__('Filter by state')}
        >
          {SHOWN.map(state => {
            const count =
              (model.counts[state] ?? 0) +
              (state === 'running' ? (model.counts.starting ?? 0) : 0);
            const label = stateLabel(state, trans);
            return (
              <button
                key={state}
                type="button"
                className="jp-mlops-chip"
                data-empty={count === 0}
                aria-pressed={states.includes(state)}
                aria-label={trans._n('%2: %1 job', '%2: %1 jobs', count, label)}
                title={label}
                onClick={() => toggleState(state)}
              >
                <StateIcon state={state} label={label} />
                <span className="jp-mlops-count">{count}</span>
              </button>
            );
          })}
          <button
            type="button"
            className="jp-mlops-chip jp-mlops-chip-group"
            aria-pressed={grouped}
            aria-label={trans.__('Group by notebook')}
            title={trans.__('Group by notebook')}
            onClick={() => setGrouped(!grouped)}
          >
            <treeViewIcon.react tag="span" width="16px" height="16px" />
          </button>
        </div>
      </div>
      {!model.stream.connected && model.jobs.length > 0 && (
        <div className="jp-mlops-notice" role="status">
          {trans.__('Not connected. Trying again…')}
        </div>
      )}
      {model.error && (
        <ErrorNotice
          error={model.error}
          onRetry={() => void model.refresh()}
          trans={trans}
        />
      )}
      {jobs.length > 0 ? (
        <JobList
          jobs={jobs}
          grouped={grouped}
          selection={selection}
          onSelect={setSelection}
          onNearEnd={onNearEnd}
          actions={actions}
          trans={trans}
        />
      ) : model.error ? null : model.loading ? (
        <Skeleton label={trans.__('Loading jobs')} rows={4} className="jp-mlops-skeleton" />
      ) : filtered ? (
        <div className="jp-mlops-empty">
          <p>{trans.__('No job matches.')}</p>
          <button
            type="button"
            className="jp-mlops-link"
            onClick={() => {
              setName('');
              void model.setFilter({ states: [], name: '' });
            }}
          >
            {trans.__('Show all jobs')}
          </button>
        </div>
      ) : (
        <Empty trans={trans} onRunCurrent={props.onRunCurrent} />
      )}
      {chosen.length > 1 && (
        <div
          className="jp-mlops-bulk"
          role="toolbar"
          aria-label={trans.__('Selected jobs')}
        >
          <span>{trans._n('%1 job selected', '%1 jobs selected', chosen.length)}</span>
          <button
            type="button"
            className="jp-mlops-button"
            disabled={!running.length}
            onClick={() => actions.cancel(running)}
          >
            {trans.__('Cancel')}
          </button>
          <button
            type="button"
            className="jp-mlops-button"
            disabled={!ended.length}
            onClick={() => {
              actions.remove(ended);
              setSelection(new Set());
            }}
          >
            {trans.__('Delete')}
          </button>
        </div>
      )}
    </div>
  );
}

/** What a job is and how to start the first. */
function Empty(props: {
  trans: TranslationBundle;
  onRunCurrent?: () => void;
}): React.JSX.Element {
  const { trans } = props;
  return (
    <div className="jp-mlops-empty">
      <runAsJobIcon.react tag="span" width="40px" height="40px" />
      <h3>{trans.__('No jobs yet')}</h3>
      <p>
        {trans.__(
          'A job runs a snapshot of a notebook in the background. It goes on when you close the browser, and every one is recorded in MLflow.'
        )}
      </p>
      {props.onRunCurrent && (
        <button
          type="button"
          className="jp-mlops-button jp-mod-primary"
          onClick={props.onRunCurrent}
        >
          {trans.__('Run the open notebook as a job…')}
        </button>
      )}
      <p>{trans.__('From a notebook cell:')}</p>
      <pre>{MAGIC}</pre>
      <p>{trans.__('From a terminal:')}</p>
      <pre>{COMMAND}</pre>
    </div>
  );
}
