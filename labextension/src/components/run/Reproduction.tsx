import type { TranslationBundle } from '@jupyterlab/translation';
import { closeIcon, UseSignal } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { Outcome, Reproduction, Stage, StageName } from '../../api/reproductions';
import type { Job, State } from '../../api/types';
import type { ReproductionModel } from '../../model/reproduction';
import { stageOf } from '../../model/reproduction';
import { Elapsed } from '../Clock';
import { StateIcon } from '../StateBadge';
import { KINDS, reproductionLabel } from './Badges';
import { IconButton } from './IconButton';

/** Differences that are listed; all of them are counted. */
const LISTED = 20;
const TEXT_MOST = 2000;

interface IProps {
  model: ReproductionModel;
  onCancel: () => void;
  onRun: (id: string) => void;
  onJob: (id: string) => void;
  /** Shows two runs beside each other; absent: there is no such thing here. */
  onCompare?: (runs: readonly string[]) => void;
  trans: TranslationBundle;
}

/** How far the reproduction of the run is, stage by stage; at its end how it came out. */
export function ReproductionStages(props: IProps): React.JSX.Element {
  const { model } = props;
  return (
    <UseSignal signal={model.changed}>
      {() => model.current && <Stages {...props} now={model.current} />}
    </UseSignal>
  );
}

function Stages(props: IProps & { now: Reproduction }): React.JSX.Element {
  const { model, now, trans } = props;
  const { outcome, new_run_id: made, job_id: job } = now;
  const stage = stageOf(now);
  return (
    <section
      className="jp-mlops-reproduction"
      data-outcome={outcome ?? undefined}
      aria-label={trans.__('Reproduction')}
    >
      <div className="jp-mlops-reproduction-line">
        <span className="jp-mlops-reproduction-title" role="status">
          {outcome !== null ? (
            <Ended outcome={outcome} trans={trans} />
          ) : now.cancelling ? (
            trans.__('The reproduction is being cancelled…')
          ) : stage ? (
            trans.__('Being reproduced: %1', stageLabel(stage.name, trans))
          ) : (
            trans.__('Being reproduced')
          )}
        </span>
        <span className="jp-mlops-quiet">
          <Elapsed
            from={now.created_at}
            duration={now.ended_at === null ? null : now.ended_at - now.created_at}
            trans={trans}
          />
        </span>
        <span className="jp-mlops-reproduction-actions">
          {job && (
            <button
              type="button"
              className="jp-mlops-link"
              onClick={() => props.onJob(job)}
            >
              {trans.__('Open Job')}
            </button>
          )}
          {made && outcome !== null && (
            <button
              type="button"
              className="jp-mlops-link"
              onClick={() => props.onRun(made)}
            >
              {trans.__('Open the new run')}
            </button>
          )}
          {made && outcome !== null && props.onCompare && (
            <button
              type="button"
              className="jp-mlops-link"
              onClick={() => props.onCompare?.([now.run_id, made])}
            >
              {trans.__('Compare the two')}
            </button>
          )}
          {outcome === null ? (
            <button
              type="button"
              className="jp-mlops-button"
              disabled={now.cancelling}
              onClick={props.onCancel}
            >
              {trans.__('Cancel')}
            </button>
          ) : (
            <IconButton
              icon={closeIcon}
              label={trans.__('Close; the badge stays')}
              onClick={() => model.dismiss()}
            />
          )}
        </span>
      </div>
      {outcome !== null && <Outcoming now={now} trans={trans} />}
      <ol className="jp-mlops-stages">
        {now.stages.map(one => (
          <StageRow
            key={one.name}
            stage={one}
            outcome={now.detail}
            cancelled={outcome === 'cancelled' || now.cancelling}
            progress={one.name === 'running' ? model.progress : null}
            trans={trans}
          />
        ))}
      </ol>
      {now.notes.length > 0 && (
        <ul className="jp-mlops-reproduction-notes" aria-label={trans.__('Notes')}>
          {now.notes.slice(0, LISTED).map((note, index) => (
            <li key={index}>{note.slice(0, TEXT_MOST)}</li>
          ))}
        </ul>
      )}
    </section>
  );
}

function Ended(props: { outcome: Outcome; trans: TranslationBundle }): React.JSX.Element {
  const { outcome, trans } = props;
  return outcome === 'cancelled' ? (
    <>{trans.__('The reproduction was cancelled')}</>
  ) : (
    <>
      {trans.__('Reproduction:')}{' '}
      <span className="jp-mlops-badge" data-kind={KINDS[outcome] ?? 'plain'}>
        {reproductionLabel(outcome, trans)}
      </span>
    </>
  );
}

/** What differs, what is missing, or what was compared. */
function Outcoming(props: {
  now: Reproduction;
  trans: TranslationBundle;
}): React.JSX.Element | null {
  const { now, trans } = props;
  if (now.outcome === 'differs' && now.differences.length) {
    const shown = now.differences.slice(0, LISTED);
    const more = now.differences.length - shown.length;
    return (
      <ul className="jp-mlops-reproduction-what" aria-label={trans.__('What differs')}>
        {shown.map((one, index) => (
          <li key={index}>{one.text.slice(0, TEXT_MOST)}</li>
        ))}
        {more > 0 && <li>{trans._n('and %1 more', 'and %1 more', more)}</li>}
      </ul>
    );
  }
  return now.detail ? (
    <p className="jp-mlops-reproduction-what">{now.detail.slice(0, TEXT_MOST)}</p>
  ) : null;
}

function StageRow(props: {
  stage: Stage;
  /** What is said of the outcome isn't said again. */
  outcome: string;
  cancelled: boolean;
  progress: Job['progress'] | null;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { stage, progress, trans } = props;
  const failed = stage.state === 'failed';
  const look: State = failed && props.cancelled ? 'cancelled' : LOOKS[stage.state];
  const said =
    progress?.total && stage.state === 'working'
      ? trans.__('cell %1 of %2', progress.done, progress.total)
      : stage.detail === props.outcome
        ? ''
        : stage.detail;
  return (
    <li
      className="jp-mlops-stage"
      data-state={stage.state}
      aria-current={stage.state === 'working' ? 'step' : undefined}
    >
      <StateIcon state={look} label={stateLabel(look, trans)} />
      <span className="jp-mlops-stage-name">{stageLabel(stage.name, trans)}</span>
      <span className="jp-mlops-stage-detail" title={said}>
        {said.slice(0, TEXT_MOST)}
      </span>
      <span className="jp-mlops-quiet">
        {stage.started_at !== null && (
          <Elapsed
            from={stage.started_at}
            duration={stage.ended_at === null ? null : stage.ended_at - stage.started_at}
            trans={trans}
          />
        )}
      </span>
    </li>
  );
}

const LOOKS: Record<Stage['state'], State> = {
  waiting: 'queued',
  working: 'running',
  done: 'succeeded',
  failed: 'failed'
};

function stateLabel(look: State, trans: TranslationBundle): string {
  switch (look) {
    case 'succeeded':
      return trans.__('Done');
    case 'failed':
      return trans.__('Failed');
    case 'cancelled':
      return trans.__('Cancelled');
    case 'running':
      return trans.__('Under way');
    default:
      return trans.__('Not begun');
  }
}

function stageLabel(name: StageName, trans: TranslationBundle): string {
  switch (name) {
    case 'environment':
      return trans.__('Environment');
    case 'code':
      return trans.__('Code');
    case 'data':
      return trans.__('Data');
    case 'running':
      return trans.__('Job');
    case 'comparing':
      return trans.__('Comparison');
  }
}
