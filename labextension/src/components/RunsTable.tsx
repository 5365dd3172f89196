import type { TranslationBundle } from '@jupyterlab/translation';
import { caretDownIcon, treeViewIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { REPORT_MOST } from '../api/reports';
import { columnsIcon, experimentsIcon, sparklineIcon } from '../runIcons';
import { columnLabel } from '../model/runColumns';
import { NOTHING } from '../model/runSelection';
import type { RunsTableModel } from '../model/runsTable';
import { ErrorNotice } from './ErrorNotice';
import { LookAgain } from './LookAgain';
import { NameList } from './NameList';
import { Refusal } from './Refusal';
import type { IRunActions } from './RunsGrid';
import { RunsGrid } from './RunsGrid';
import { Skeleton } from './Skeleton';

/** The server's own limit. */
export const COMPARE_MOST = 50;
const SETTLED_MS = 350;
// Code is the same in every language.
const EXAMPLE = 'resnet metrics.acc > 0.9 AND params.lr = "0.1"';
const LOGGING = '%load_ext jupyter_mlops\n%mlops start\n%mlops log loss=0.1';

export interface IRunsTableProps {
  model: RunsTableModel;
  /** The experiment's name; all experiments when empty. */
  name: string;
  actions: IRunActions;
  /** The name of the saved view that is shown, and whether it has been changed. */
  saved: { name: string; changed: boolean } | null;
  onViews: (x: number, y: number) => void;
  /** Seconds between two looks at a tracking server; null where there is none. */
  seconds: number | null;
  onLook: () => void;
  searchRef: React.RefObject<HTMLInputElement>;
  trans: TranslationBundle;
}

/** The table of runs and what stands above and below it. */
export function RunsTable(props: IRunsTableProps): React.JSX.Element {
  const { model, actions, saved, trans } = props;
  const { view, error } = model;
  const [open, setOpen] = React.useState<'columns' | 'group' | null>(null);
  const opener = React.useRef<HTMLElement | null>(null);
  const show = (purpose: 'columns' | 'group', event: React.MouseEvent<HTMLElement>) => {
    opener.current = event.currentTarget;
    setOpen(open === purpose ? null : purpose);
  };
  const close = () => {
    setOpen(null);
    opener.current?.focus();
  };
  const refused = error?.code === 'filter_invalid';
  return (
    <div className="jp-mlops-runs">
      <div
        className="jp-mlops-runs-head"
        role="toolbar"
        aria-label={trans.__('How runs are shown')}
      >
        <Search model={model} refused={refused} searchRef={props.searchRef} trans={trans} />
        <span className="jp-mlops-runs-total" role="status">
          <Total model={model} trans={trans} />
        </span>
        <LookAgain
          seconds={model.atServer ? props.seconds : null}
          onLook={props.onLook}
          trans={trans}
        />
        <button
          type="button"
          className="jp-mlops-tool"
          aria-haspopup="dialog"
          aria-expanded={open === 'group'}
          aria-pressed={view.group !== null}
          title={trans.__('Group runs by a parameter, a tag or their status')}
          onClick={event => show('group', event)}
        >
          <treeViewIcon.react tag="span" width="16px" height="16px" />
          {view.group === null
            ? trans.__('Group')
            : trans.__('Group: %1', columnLabel(view.group, trans))}
        </button>
        <button
          type="button"
          className="jp-mlops-tool"
          aria-haspopup="dialog"
          aria-expanded={open === 'columns'}
          title={trans.__('Choose and order the columns')}
          onClick={event => show('columns', event)}
        >
          <columnsIcon.react tag="span" width="16px" height="16px" />
          {trans.__('Columns')}
        </button>
        <button
          type="button"
          className="jp-mlops-tool"
          aria-pressed={view.sparklines}
          aria-label={trans.__('Sparklines')}
          title={trans.__('Draw beside each metric how it went')}
          onClick={() => model.setView({ ...view, sparklines: !view.sparklines })}
        >
          <sparklineIcon.react tag="span" width="16px" height="16px" />
        </button>
        <button
          type="button"
          className="jp-mlops-tool"
          aria-haspopup="menu"
          title={trans.__('Saved views')}
          onClick={event => {
            const { left, bottom } = event.currentTarget.getBoundingClientRect();
            props.onViews(left, bottom);
          }}
        >
          {saved
            ? saved.changed
              ? trans.__('View: %1 (changed)', saved.name)
              : trans.__('View: %1', saved.name)
            : trans.__('Views')}
          <caretDownIcon.react tag="span" width="12px" height="12px" />
        </button>
        {open && (
          <>
            <div className="jp-mlops-names-behind" onClick={close} />
            <NameList
              key={open}
              model={model}
              purpose={open}
              onClose={close}
              trans={trans}
            />
          </>
        )}
      </div>
      {error && refused && (
        <Refusal
          error={error}
          consequence={model.count > 0 ? trans.__('The last good result is shown.') : ''}
        />
      )}
      {error && !refused && (
        <ErrorNotice error={error} onRetry={() => void model.reload()} trans={trans} />
      )}
      {model.cut && (
        <div className="jp-mlops-notice" role="status">
          {trans.__('There are more groups; those with the most runs are shown.')}
        </div>
      )}
      {model.newestOnly && (
        <div className="jp-mlops-notice" role="status">
          {trans.__('There are more runs than can be grouped; the newest are.')}
        </div>
      )}
      {model.onlyNames && (
        <div className="jp-mlops-notice" role="status">
          {trans.__(
            'A tracking server looks for words in names only. For all else: params.model = "resnet"'
          )}
        </div>
      )}
      {model.count > 0 ? (
        <RunsGrid
          model={model}
          actions={actions}
          label={
            props.name
              ? trans.__('Runs of %1', props.name)
              : trans.__('Runs of all experiments')
          }
          trans={trans}
        />
      ) : refused ? null : model.known ? (
        <Nothing model={model} trans={trans} />
      ) : error ? null : (
        <Skeleton
          label={trans.__('Loading runs')}
          rows={8}
          className="jp-mlops-runs-skeleton"
        />
      )}
      <Chosen model={model} actions={actions} trans={trans} />
    </div>
  );
}

function Search(props: {
  model: RunsTableModel;
  refused: boolean;
  searchRef: React.RefObject<HTMLInputElement>;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { model, refused, trans } = props;
  const { filter } = model.view;
  const [text, setText] = React.useState(filter);
  const timer = React.useRef(0);
  // Another view was chosen, or the filter was cleared below.
  React.useEffect(() => setText(now => (now.trim() === filter ? now : filter)), [filter]);
  React.useEffect(() => () => window.clearTimeout(timer.current), []);
  const ask = (next: string) => {
    window.clearTimeout(timer.current);
    if (next.trim() !== model.view.filter) {
      model.setView({ ...model.view, filter: next.trim() });
    }
  };
  const label = trans.__('Search runs');
  return (
    <input
      ref={props.searchRef}
      type="search"
      className="jp-mlops-filter jp-mlops-runs-search"
      placeholder={EXAMPLE}
      aria-label={label}
      aria-invalid={refused}
      title={trans.__(
        'Plain words, MLflow’s filter syntax, or both. Words are looked for in names, parameters, tags and notes.'
      )}
      value={text}
      spellCheck={false}
      onChange={event => {
        const next = event.target.value;
        setText(next);
        window.clearTimeout(timer.current);
        timer.current = window.setTimeout(() => ask(next), SETTLED_MS);
      }}
      onKeyDown={event => {
        if (event.key === 'Enter') {
          ask(text);
        } else if (event.key === 'Escape' && text) {
          event.stopPropagation();
          setText('');
          ask('');
        } else if (event.key === 'ArrowDown') {
          event.preventDefault();
          event.currentTarget
            .closest('.jp-mlops-runs')
            ?.querySelector<HTMLElement>('.jp-mlops-grid')
            ?.focus();
        }
      }}
    />
  );
}

function Total(props: {
  model: RunsTableModel;
  trans: TranslationBundle;
}): React.JSX.Element | null {
  const { model, trans } = props;
  const { total } = model;
  if (!model.known || total === null) {
    return null;
  }
  if (model.counting) {
    return <>{trans.__('%1 runs counted…', total.toLocaleString())}</>;
  }
  return <>{trans._n('%2 run', '%2 runs', total, total.toLocaleString())}</>;
}

function Nothing(props: {
  model: RunsTableModel;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { model, trans } = props;
  return (
    <div className="jp-mlops-empty jp-mlops-runs-empty">
      <experimentsIcon.react tag="span" width="40px" height="40px" />
      {model.view.filter ? (
        <>
          <h3>{trans.__('No run matches')}</h3>
          <button
            type="button"
            className="jp-mlops-link"
            onClick={() => model.setView({ ...model.view, filter: '' })}
          >
            {trans.__('Show all runs')}
          </button>
        </>
      ) : (
        <>
          <h3>{trans.__('No runs yet')}</h3>
          <p>{trans.__('Every job is recorded as a run. In a notebook cell:')}</p>
          <pre>{LOGGING}</pre>
        </>
      )}
    </div>
  );
}

/** What can be done with the runs that are chosen. */
function Chosen(props: {
  model: RunsTableModel;
  actions: IRunActions;
  trans: TranslationBundle;
}): React.JSX.Element | null {
  const { model, actions, trans } = props;
  const ids = [...model.selection.ids];
  if (!ids.length) {
    return null;
  }
  const runs = model.runs(ids);
  const favourites = runs.length > 0 && runs.every(run => run.favourite);
  return (
    <div
      className="jp-mlops-bulk jp-mlops-runs-bulk"
      role="toolbar"
      aria-label={trans.__('Selected runs')}
    >
      <span>{trans._n('%1 run selected', '%1 runs selected', ids.length)}</span>
      <button
        type="button"
        className="jp-mlops-button jp-mod-primary"
        disabled={ids.length < 2 || ids.length > COMPARE_MOST}
        title={
          ids.length > COMPARE_MOST
            ? trans.__('At most %1 runs can be compared at once', COMPARE_MOST)
            : trans.__('Show where they differ (C)')
        }
        onClick={() => actions.compare(ids)}
      >
        {trans.__('Compare')}
      </button>
      <button
        type="button"
        className="jp-mlops-button"
        disabled={ids.length > REPORT_MOST}
        title={
          ids.length > REPORT_MOST
            ? trans.__('A report has at most %1 runs', REPORT_MOST)
            : trans.__('A notebook about these runs that is read without a server (R)')
        }
        onClick={() => actions.report(ids)}
      >
        {trans.__('Report…')}
      </button>
      {ids.length === 1 && (
        <button
          type="button"
          className="jp-mlops-button"
          title={trans.__('Enter')}
          onClick={() => actions.open(ids[0])}
        >
          {trans.__('Open')}
        </button>
      )}
      <button
        type="button"
        className="jp-mlops-button"
        disabled={!runs.length}
        title={trans.__('F')}
        onClick={() => actions.favourite(ids)}
      >
        {favourites ? trans.__('No favourite') : trans.__('Favourite')}
      </button>
      <button
        type="button"
        className="jp-mlops-button"
        onClick={() => actions.copyIds(ids)}
      >
        {trans._n('Copy ID', 'Copy IDs', ids.length)}
      </button>
      <button
        type="button"
        className="jp-mlops-button"
        title={trans.__('Escape')}
        onClick={() => model.select(NOTHING)}
      >
        {trans.__('Clear')}
      </button>
    </div>
  );
}
