import type { TranslationBundle } from '@jupyterlab/translation';
import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { Job } from '../api/types';
import { isTerminal } from '../api/types';
import { JobRow } from './JobRow';
import { Virtual } from './Virtual';

/** Matches --jp-mlops-row-height in style/panel.css. */
const ROW_HEIGHT = 46;

export interface IJobActions {
  open(id: string): void;
  cancel(ids: readonly string[]): void;
  rerun(id: string): void;
  remove(ids: readonly string[]): void;
}

export interface IJobListProps {
  jobs: readonly Job[];
  grouped: boolean;
  selection: ReadonlySet<string>;
  onSelect: (selection: ReadonlySet<string>) => void;
  onNearEnd: () => void;
  actions: IJobActions;
  trans: TranslationBundle;
}

type Row =
  | { kind: 'job'; key: string; job: Job }
  | { kind: 'group'; key: string; notebook: string; jobs: Job[]; open: boolean };

function rowsOf(
  jobs: readonly Job[],
  grouped: boolean,
  closed: ReadonlySet<string>
): Row[] {
  if (!grouped) {
    return jobs.map(job => ({ kind: 'job', key: job.id, job }));
  }
  const groups = new Map<string, Job[]>();
  for (const job of jobs) {
    const members = groups.get(job.notebook);
    if (members) {
      members.push(job);
    } else {
      groups.set(job.notebook, [job]);
    }
  }
  const rows: Row[] = [];
  for (const [notebook, members] of groups) {
    const open = !closed.has(notebook);
    rows.push({ kind: 'group', key: `group:${notebook}`, notebook, jobs: members, open });
    if (open) {
      members.forEach(job => rows.push({ kind: 'job', key: job.id, job }));
    }
  }
  return rows;
}

function groupId(notebook: string): string {
  return `jp-mlops-group-${encodeURIComponent(notebook)}`;
}

/** The list itself: a grid with one tab stop, moved through by arrow keys. */
export function JobList(props: IJobListProps): React.JSX.Element {
  const { jobs, grouped, selection, onSelect, actions, trans } = props;
  const [closed, setClosed] = React.useState<ReadonlySet<string>>(new Set());
  const [activeKey, setActiveKey] = React.useState<string | null>(null);
  const anchor = React.useRef<string | null>(null);
  const rows = React.useMemo(() => rowsOf(jobs, grouped, closed), [jobs, grouped, closed]);
  const active = Math.max(
    0,
    rows.findIndex(row => row.key === activeKey)
  );

  const toggleGroup = (notebook: string) => {
    const next = new Set(closed);
    if (!next.delete(notebook)) {
      next.add(notebook);
    }
    setClosed(next);
  };

  const selectRange = (to: number) => {
    const from = Math.max(
      0,
      rows.findIndex(row => row.key === anchor.current)
    );
    const range = rows.slice(Math.min(from, to), Math.max(from, to) + 1);
    onSelect(new Set(range.filter(row => row.kind === 'job').map(row => row.key)));
  };

  const toggle = (key: string) => {
    const next = new Set(selection);
    if (!next.delete(key)) {
      next.add(key);
    }
    onSelect(next);
    anchor.current = key;
  };

  const click = (event: React.MouseEvent, index: number) => {
    const row = rows[index];
    setActiveKey(row.key);
    if (row.kind === 'group') {
      toggleGroup(row.notebook);
    } else if (event.shiftKey) {
      selectRange(index);
    } else if (event.ctrlKey || event.metaKey) {
      toggle(row.key);
    } else {
      anchor.current = row.key;
      onSelect(new Set([row.key]));
      actions.open(row.key);
    }
  };

  const move = (event: React.KeyboardEvent, index: number) => {
    const target = Math.min(Math.max(index, 0), rows.length - 1);
    const row = rows[target];
    if (!row) {
      return;
    }
    event.preventDefault();
    setActiveKey(row.key);
    if (event.shiftKey) {
      selectRange(target);
    } else {
      anchor.current = row.key;
    }
  };

  /** The menu of the active row, as the pointer opens it. */
  const openMenu = (event: React.SyntheticEvent) => {
    const row = event.currentTarget.querySelector('.jp-mlops-row.jp-mod-active');
    if (row) {
      event.preventDefault();
      event.stopPropagation();
      const { left, bottom } = row.getBoundingClientRect();
      row.dispatchEvent(
        new MouseEvent('contextmenu', {
          bubbles: true,
          cancelable: true,
          clientX: left + 24,
          clientY: bottom
        })
      );
    }
  };

  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.target !== event.currentTarget) {
      return;
    }
    const row = rows[active];
    switch (event.key) {
      case 'ContextMenu': {
        openMenu(event);
        return;
      }
      case 'F10': {
        if (event.shiftKey) {
          openMenu(event);
        }
        return;
      }
      case 'ArrowDown': {
        move(event, active + 1);
        return;
      }
      case 'ArrowUp': {
        move(event, active - 1);
        return;
      }
      case 'Home': {
        move(event, 0);
        return;
      }
      case 'End': {
        move(event, rows.length - 1);
        return;
      }
      case 'PageDown': {
        move(event, active + 10);
        return;
      }
      case 'PageUp': {
        move(event, active - 10);
        return;
      }
    }
    if (!row) {
      return;
    }
    if (row.kind === 'group') {
      const wants = { ArrowRight: true, ArrowLeft: false }[event.key] ?? !row.open;
      if (['ArrowRight', 'ArrowLeft', 'Enter', ' '].includes(event.key)) {
        event.preventDefault();
        if (wants !== row.open) {
          toggleGroup(row.notebook);
        }
      }
      return;
    }
    if (event.key === 'Enter') {
      event.preventDefault();
      actions.open(row.key);
    } else if (event.key === ' ') {
      event.preventDefault();
      toggle(row.key);
    } else if (event.key === 'Escape') {
      onSelect(new Set());
    } else if (event.key === 'a' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      onSelect(new Set(jobs.map(job => job.id)));
    } else if (event.key === 'r' && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      actions.rerun(row.key);
    } else if (event.key === 'Delete') {
      event.preventDefault();
      const chosen = jobs.filter(job =>
        selection.size ? selection.has(job.id) : job.id === row.key
      );
      const running = chosen.filter(job => !isTerminal(job.state));
      if (running.length) {
        actions.cancel(running.map(job => job.id));
      } else {
        actions.remove(chosen.map(job => job.id));
      }
    }
  };

  const activeRow = rows[active];
  return (
    <div
      className="jp-mlops-list"
      role={grouped ? 'treegrid' : 'grid'}
      aria-label={trans.__('Jobs')}
      aria-multiselectable
      aria-rowcount={rows.length}
      aria-activedescendant={
        activeRow
          ? activeRow.kind === 'job'
            ? `jp-mlops-job-${activeRow.key}`
            : groupId(activeRow.notebook)
          : undefined
      }
      tabIndex={0}
      onKeyDown={onKeyDown}
      onContextMenu={event => {
        // The menu key: the browser sends it to what has the focus, which is the list.
        if (event.target === event.currentTarget) {
          openMenu(event);
        }
      }}
    >
      <Virtual
        count={rows.length}
        rowHeight={ROW_HEIGHT}
        activeIndex={active}
        onNearEnd={props.onNearEnd}
        renderRow={index => {
          const row = rows[index];
          if (row.kind === 'group') {
            const caret = row.open ? caretDownIcon : caretRightIcon;
            return (
              <div
                key={row.key}
                id={groupId(row.notebook)}
                className={
                  'jp-mlops-row jp-mlops-group' + (index === active ? ' jp-mod-active' : '')
                }
                role="row"
                aria-level={1}
                aria-expanded={row.open}
                aria-rowindex={index + 1}
                title={row.notebook}
                onClick={event => click(event, index)}
              >
                <div role="gridcell" className="jp-mlops-row-state">
                  <caret.react tag="span" width="16px" height="16px" />
                </div>
                <div role="gridcell" className="jp-mlops-row-main">
                  <span className="jp-mlops-row-name">{row.notebook.split('/').pop()}</span>
                  <span className="jp-mlops-row-detail">
                    {row.notebook.split('/').slice(0, -1).join('/')}
                  </span>
                </div>
                <div role="gridcell" className="jp-mlops-count">
                  {row.jobs.length}
                </div>
              </div>
            );
          }
          const { job } = row;
          return (
            <JobRow
              key={row.key}
              job={job}
              index={index}
              indented={grouped}
              selected={selection.has(job.id)}
              active={index === active}
              trans={trans}
              onClick={event => click(event, index)}
              onOpen={() => actions.open(job.id)}
              onCancel={() => actions.cancel([job.id])}
              onRerun={() => actions.rerun(job.id)}
              onDelete={() => actions.remove([job.id])}
            />
          );
        }}
      />
    </div>
  );
}
