import type { TranslationBundle } from '@jupyterlab/translation';
import { ellipsesIcon, UseSignal } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { RunDetail } from '../../api/types';
import { hasEnded } from '../../api/types';
import { starIcon } from '../../runIcons';
import type { ReproductionModel } from '../../model/reproduction';
import type { RunModel } from '../../model/run';
import { SELDOM_MS } from '../../model/run';
import { Elapsed, RelativeTime } from '../Clock';
import { LookAgain } from '../LookAgain';
import { Badges } from './Badges';
import { IconButton } from './IconButton';
import { Name } from './Name';
import { Note } from './Note';
import { RunStatusIcon, runStatusLabel } from '../RunStatus';
import { Tags } from './Tags';

/** What can be done about a run; absent: there is no such thing here. */
export interface IRunActions {
  openExperiment?: () => void;
  openJob?: () => void;
  openNotebook: () => void;
  rerunWithChanges: () => void;
  reproduce?: () => void;
  compare?: (runs: readonly string[]) => void;
  /** Further actions, in a menu at this place of the window. */
  showMenu: (x: number, y: number) => void;
  /** Show a problem that has no place of its own. */
  report: (work: Promise<unknown>) => void;
}

/** What it is, how it went, and what can be done with it. */
export function RunHeader(props: {
  model: RunModel;
  detail: RunDetail;
  actions: IRunActions;
  reproduction: ReproductionModel;
  onShowRecord: () => void;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { model, detail, actions, trans } = props;
  const { run } = detail;
  const ended = hasEnded(run.status);
  const change = (changes: Parameters<RunModel['change']>[0]) =>
    actions.report(model.change(changes));
  return (
    <div className="jp-mlops-header-line jp-mlops-run-line">
      <div className="jp-mlops-header-title">
        <RunStatusIcon status={run.status} trans={trans} />
        <Name name={run.name} onRename={name => change({ name })} trans={trans} />
        <span className="jp-mlops-header-state" data-status={run.status} role="status">
          {runStatusLabel(run.status, trans)}
        </span>
        <LookAgain
          seconds={model.atServer && !ended ? SELDOM_MS / 1000 : null}
          trans={trans}
        />
        <Badges run={run} onShowRecord={props.onShowRecord} trans={trans} />
      </div>
      <div className="jp-mlops-header-meta">
        <Meta {...props} ended={ended} />
      </div>
      <div className="jp-mlops-header-actions">
        <IconButton
          icon={starIcon}
          label={
            run.favourite
              ? trans.__('Remove from favourites')
              : trans.__('Add to favourites')
          }
          className="jp-mlops-star"
          pressed={run.favourite}
          onClick={() => change({ favourite: !run.favourite })}
        />
        <button
          type="button"
          className="jp-mlops-button"
          title={trans.__(
            'Opens a copy of the notebook as it ran; nothing is written over'
          )}
          onClick={actions.openNotebook}
        >
          {trans.__('Open the notebook as it was')}
        </button>
        <button
          type="button"
          className="jp-mlops-button"
          onClick={actions.rerunWithChanges}
        >
          {trans.__('Rerun with changes…')}
        </button>
        {actions.reproduce && ended && (
          <UseSignal signal={props.reproduction.changed}>
            {() => (
              <button
                type="button"
                className="jp-mlops-button"
                title={trans.__(
                  'Builds its environment again, runs it in a clean kernel and compares the results'
                )}
                disabled={props.reproduction.underWay}
                onClick={actions.reproduce}
              >
                {trans.__('Reproduce')}
              </button>
            )}
          </UseSignal>
        )}
        <IconButton
          icon={ellipsesIcon}
          label={trans.__('More actions')}
          menu
          onClick={event => {
            const { left, bottom } = event.currentTarget.getBoundingClientRect();
            actions.showMenu(left, bottom);
          }}
        />
      </div>
      <div className="jp-mlops-run-notes">
        <Tags tags={run.tags} onChange={tags => change({ tags })} trans={trans} />
        <Note model={model} detail={detail} trans={trans} />
      </div>
    </div>
  );
}

function Meta(props: {
  detail: RunDetail;
  actions: IRunActions;
  ended: boolean;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { actions, trans } = props;
  const { run } = props.detail;
  const notebook = run.own_tags['mlops.notebook'] ?? run.own_tags['mlflow.source.name'];
  const parts: React.ReactNode[] = [
    actions.openExperiment ? (
      <button
        type="button"
        className="jp-mlops-link"
        title={trans.__('Open the runs of this experiment')}
        onClick={actions.openExperiment}
      >
        {run.experiment}
      </button>
    ) : (
      run.experiment
    )
  ];
  if (run.started_at !== null) {
    parts.push(<RelativeTime epoch={run.started_at} trans={trans} />);
    const took = run.ended_at === null ? null : run.ended_at - run.started_at;
    if (took !== null || !props.ended) {
      parts.push(<Elapsed from={run.started_at} duration={took} trans={trans} />);
    }
  }
  if (notebook) {
    parts.push(
      <span title={notebook}>{notebook.slice(notebook.lastIndexOf('/') + 1)}</span>
    );
  }
  if (actions.openJob) {
    parts.push(
      <button type="button" className="jp-mlops-link" onClick={actions.openJob}>
        {trans.__('job %1', run.job_id ?? '')}
      </button>
    );
  }
  if (run.user) {
    parts.push(run.user);
  }
  return (
    <>
      {parts.map((part, index) => (
        <React.Fragment key={index}>
          {index > 0 && ' · '}
          {part}
        </React.Fragment>
      ))}
    </>
  );
}
