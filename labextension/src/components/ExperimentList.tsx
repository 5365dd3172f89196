import type { TranslationBundle } from '@jupyterlab/translation';
import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { Experiment } from '../api/experiments';
import type { RunRow } from '../api/runs';
import { columnsIcon, noteIcon } from '../runIcons';
import type { ExperimentLine } from '../model/experiments';
import { formatDuration } from '../time';
import { Elapsed, RelativeTime } from './Clock';
import { runStatusLabel, RunStatusIcon } from './RunStatus';
import { Star } from './Star';
import { Virtual } from './Virtual';

export interface IExperimentActions {
  openRun: (id: string) => void;
  /** The table of an experiment's runs, or of all; with what was looked for. */
  openTable: (experiment: string | null) => void;
  favouriteExperiment: (experiment: Experiment) => void;
  favouriteRun: (run: RunRow) => void;
  noteExperiment: (experiment: Experiment) => void;
  noteRun: (run: RunRow) => void;
  menu: (line: ExperimentLine, x: number, y: number) => void;
}

const ROW_HEIGHT = 40;

/** Experiments and below them runs: a tree with one tab stop, moved through by arrow keys. */
export function ExperimentList(props: {
  lines: readonly ExperimentLine[];
  onToggle: (id: string, open: boolean) => void;
  onNearEnd: () => void;
  actions: IExperimentActions;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { lines, actions, trans } = props;
  const [activeKey, setActiveKey] = React.useState<string | null>(null);
  const prefix = React.useId().replace(/:/g, '');
  const active = Math.max(
    0,
    lines.findIndex(line => line.key === activeKey)
  );

  const open = (line: ExperimentLine) => {
    if (line.kind === 'experiment') {
      props.onToggle(line.experiment.id, !line.open);
    } else if (line.kind === 'run') {
      actions.openRun(line.run.id);
    } else if (line.kind === 'all') {
      actions.openTable(line.experiment?.id ?? null);
    }
  };

  const onKeyDown = (event: React.KeyboardEvent) => {
    const line = lines[active];
    if (event.target !== event.currentTarget || !line) {
      return;
    }
    const target = {
      ArrowDown: active + 1,
      ArrowUp: active - 1,
      Home: 0,
      End: lines.length - 1,
      PageDown: active + 10,
      PageUp: active - 10
    }[event.key];
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (target !== undefined) {
      setActiveKey(lines[Math.min(Math.max(target, 0), lines.length - 1)].key);
    } else if (event.key === 'ArrowRight' && line.kind === 'experiment') {
      if (line.open) {
        setActiveKey(lines[Math.min(active + 1, lines.length - 1)].key);
      } else {
        props.onToggle(line.experiment.id, true);
      }
    } else if (event.key === 'ArrowLeft') {
      if (line.kind === 'experiment') {
        props.onToggle(line.experiment.id, false);
      } else if (line.kind === 'run' && !line.found) {
        setActiveKey(`experiment ${line.run.experiment_id}`);
      }
    } else if (event.key === 'Enter') {
      if (line.kind === 'experiment') {
        actions.openTable(line.experiment.id);
      } else {
        open(line);
      }
    } else if (event.key === ' ' && line.kind === 'experiment') {
      open(line);
    } else if (event.key === 'f' && plain && line.kind === 'run') {
      actions.favouriteRun(line.run);
    } else if (event.key === 'f' && plain && line.kind === 'experiment') {
      actions.favouriteExperiment(line.experiment);
    } else if (event.key === 'n' && plain && line.kind === 'run') {
      actions.noteRun(line.run);
    } else if (event.key === 'n' && plain && line.kind === 'experiment') {
      actions.noteExperiment(line.experiment);
    } else if (event.key === '/' && plain) {
      event.currentTarget
        .closest('.jp-mlops-panel')
        ?.querySelector<HTMLElement>('input[type="search"]')
        ?.focus();
    } else if (event.key === 'ContextMenu' || (event.key === 'F10' && event.shiftKey)) {
      const row = document.getElementById(`${prefix}-${active}`);
      const { left, bottom } = (row ?? event.currentTarget).getBoundingClientRect();
      actions.menu(line, left + 24, bottom);
    } else {
      return;
    }
    event.preventDefault();
  };

  return (
    <div
      className="jp-mlops-list jp-mlops-experimentList"
      role="treegrid"
      aria-label={trans.__('Experiments')}
      aria-rowcount={lines.length}
      aria-activedescendant={`${prefix}-${active}`}
      tabIndex={0}
      onKeyDown={onKeyDown}
    >
      <Virtual
        count={lines.length}
        rowHeight={ROW_HEIGHT}
        activeIndex={active}
        onNearEnd={props.onNearEnd}
        renderRow={index => {
          const line = lines[index];
          return (
            <div
              key={line.key}
              id={`${prefix}-${index}`}
              role="row"
              aria-rowindex={index + 1}
              aria-level={line.kind === 'experiment' || line.kind === 'heading' ? 1 : 2}
              aria-expanded={line.kind === 'experiment' ? line.open : undefined}
              className={
                `jp-mlops-row jp-mlops-line-${line.kind}` +
                (index === active ? ' jp-mod-active' : '') +
                (line.kind === 'run' && !line.found ? ' jp-mod-indented' : '') +
                (line.kind === 'all' && line.experiment ? ' jp-mod-indented' : '')
              }
              data-mlops-experiment={
                line.kind === 'experiment' ? line.experiment.id : undefined
              }
              data-mlops-run={line.kind === 'run' ? line.run.id : undefined}
              onClick={() => {
                setActiveKey(line.key);
                open(line);
              }}
              onContextMenu={event => {
                if (line.kind === 'run' || line.kind === 'experiment') {
                  event.preventDefault();
                  event.stopPropagation();
                  setActiveKey(line.key);
                  actions.menu(line, event.clientX, event.clientY);
                }
              }}
            >
              <Line line={line} actions={actions} trans={trans} />
            </div>
          );
        }}
      />
    </div>
  );
}

function Line(props: {
  line: ExperimentLine;
  actions: IExperimentActions;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { line, actions, trans } = props;
  switch (line.kind) {
    case 'experiment':
      return (
        <ExperimentRow
          experiment={line.experiment}
          open={line.open}
          actions={actions}
          trans={trans}
        />
      );
    case 'run':
      return <RunLine run={line.run} found={line.found} actions={actions} trans={trans} />;
    case 'loading':
      return (
        <div role="gridcell" className="jp-mlops-row-detail">
          {trans.__('Loading…')}
        </div>
      );
    case 'heading':
      return (
        <div role="gridcell" className="jp-mlops-heading">
          {line.what === 'runs' ? trans.__('Runs') : trans.__('Experiments')}
          {line.count !== null && (
            <span className="jp-mlops-count">{line.count.toLocaleString()}</span>
          )}
        </div>
      );
    case 'all':
      return (
        <div role="gridcell" className="jp-mlops-row-all">
          {line.count === 0
            ? trans.__('No runs yet')
            : line.count === null
              ? trans.__('All in a table')
              : trans._n(
                  '%2 run in a table',
                  'All %2 runs in a table',
                  line.count,
                  line.count.toLocaleString()
                )}
        </div>
      );
  }
}

function ExperimentRow(props: {
  experiment: Experiment;
  open: boolean;
  actions: IExperimentActions;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { experiment, actions, trans } = props;
  const caret = props.open ? caretDownIcon : caretRightIcon;
  const counts = Object.values(experiment.counts);
  const total = counts.reduce((sum, one) => sum + one, 0);
  const running = experiment.counts.RUNNING ?? 0;
  return (
    <>
      <div role="gridcell" className="jp-mlops-row-state">
        <caret.react tag="span" width="16px" height="16px" />
      </div>
      <div role="gridcell" className="jp-mlops-row-main">
        <div className="jp-mlops-row-name" title={experiment.note || experiment.name}>
          {experiment.name}
        </div>
        <div className="jp-mlops-row-detail">
          {counts.length > 0 &&
            trans._n('%2 run', '%2 runs', total, total.toLocaleString())}
          {running > 0 && (
            <span className="jp-mlops-row-running">
              {' · '}
              {trans._n('%1 running', '%1 running', running)}
            </span>
          )}
          {experiment.last_activity && (
            <>
              {counts.length > 0 && ' · '}
              <RelativeTime epoch={experiment.last_activity} trans={trans} />
            </>
          )}
        </div>
      </div>
      <div role="gridcell" className="jp-mlops-row-actions">
        <RowButton
          icon={columnsIcon}
          label={trans.__('Open the table (Enter)')}
          onClick={() => actions.openTable(experiment.id)}
        />
      </div>
      <Marks
        note={experiment.note}
        favourite={experiment.favourite}
        onNote={() => actions.noteExperiment(experiment)}
        onFavourite={() => actions.favouriteExperiment(experiment)}
        trans={trans}
      />
    </>
  );
}

function RunLine(props: {
  run: RunRow;
  found: boolean;
  actions: IExperimentActions;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { run, actions, trans } = props;
  return (
    <>
      <div role="gridcell" className="jp-mlops-row-state">
        <RunStatusIcon status={run.status} trans={trans} />
      </div>
      <div role="gridcell" className="jp-mlops-row-main">
        <div className="jp-mlops-row-name" title={run.note || run.name}>
          {run.name || run.id.slice(0, 8)}
        </div>
        <div className="jp-mlops-row-detail">
          {props.found && `${run.experiment} · `}
          {run.status === 'RUNNING' && run.started_at ? (
            <>
              {runStatusLabel(run.status, trans)}
              {' · '}
              <Elapsed from={run.started_at} trans={trans} />
            </>
          ) : (
            <>
              {run.started_at && <RelativeTime epoch={run.started_at} trans={trans} />}
              {run.started_at && run.ended_at
                ? ` · ${formatDuration(run.ended_at - run.started_at, trans)}`
                : null}
            </>
          )}
        </div>
      </div>
      <Marks
        note={run.note}
        favourite={run.favourite}
        onNote={() => actions.noteRun(run)}
        onFavourite={() => actions.favouriteRun(run)}
        trans={trans}
      />
    </>
  );
}

/** The note, where there is one, and the star: seen always when set, else on the row at hand. */
function Marks(props: {
  note: string;
  favourite: boolean;
  onNote: () => void;
  onFavourite: () => void;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { trans } = props;
  return (
    <div role="gridcell" className="jp-mlops-marks" data-noted={!!props.note}>
      <span className="jp-mlops-marks-note">
        <RowButton
          icon={noteIcon}
          label={props.note || trans.__('Write a note (N)')}
          name={trans.__('Note')}
          onClick={props.onNote}
        />
      </span>
      <Star on={props.favourite} trans={trans} onClick={props.onFavourite} />
    </div>
  );
}

function RowButton(props: {
  icon: typeof columnsIcon;
  label: string;
  name?: string;
  onClick: () => void;
}): React.JSX.Element {
  return (
    <button
      type="button"
      className="jp-mlops-iconButton"
      title={props.label}
      aria-label={props.name ?? props.label}
      tabIndex={-1}
      onClick={event => {
        event.stopPropagation();
        props.onClick();
      }}
    >
      <props.icon.react tag="span" width="16px" height="16px" />
    </button>
  );
}
