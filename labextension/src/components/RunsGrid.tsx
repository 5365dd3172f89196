import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { RunRow } from '../api/runs';
import type { IColumn } from '../model/runColumns';
import { inSight, kindOf } from '../model/runColumns';
import { only, toggle } from '../model/runSelection';
import type { RunsTableModel } from '../model/runsTable';
import { GroupCell, RunCell } from './RunCell';
import { GridHead } from './GridHead';
import type { IGridKeys } from './gridKeys';
import { onGridKey } from './gridKeys';
import { GroupName } from './GroupName';
import { RunName } from './RunName';

export const ROW_HEIGHT = 28;
export const HEAD_HEIGHT = 30;
const OVERSCAN = 8;

export interface IRunActions {
  open: (id: string) => void;
  compare: (ids: readonly string[]) => void;
  report: (ids: readonly string[]) => void;
  favourite: (ids: readonly string[]) => void;
  note: (run: RunRow) => void;
  copyIds: (ids: readonly string[]) => void;
  /** The menu of a run; of a column by its key. Places are those of the window. */
  runMenu: (run: RunRow, x: number, y: number) => void;
  columnMenu: (key: string, x: number, y: number) => void;
  search: () => void;
}

export interface IRunsGridProps {
  model: RunsTableModel;
  actions: IRunActions;
  label: string;
  trans: TranslationBundle;
}

/** The runs themselves: one tab stop, moved through by arrow keys; only what is in sight exists. */
export function RunsGrid(props: IRunsGridProps): React.JSX.Element {
  const { model, actions, trans } = props;
  const { columns, view, count, selection } = model;
  const grid = React.useRef<HTMLDivElement>(null);
  const [scroll, setScroll] = React.useState({ top: 0, left: 0 });
  const [size, setSize] = React.useState({ width: 800, height: 400 });
  // The head is line -1; the name is column 0.
  const [active, setActive] = React.useState({ line: 0, column: 0 });
  const prefix = React.useId().replace(/:/g, '');
  const { nameWidth } = view;
  const sight = inSight(columns, scroll.left, size.width - nameWidth);
  const first = Math.max(0, Math.floor(scroll.top / ROW_HEIGHT) - OVERSCAN);
  const last = Math.min(
    count,
    Math.ceil((scroll.top + size.height) / ROW_HEIGHT) + OVERSCAN
  );
  const line = Math.min(active.line, count - 1);
  const at = Math.min(active.column, columns.length);

  React.useLayoutEffect(() => {
    const node = grid.current;
    if (!node || typeof ResizeObserver === 'undefined') {
      return;
    }
    const measure = () =>
      setSize({ width: node.clientWidth, height: node.clientHeight - HEAD_HEIGHT });
    const observer = new ResizeObserver(measure);
    observer.observe(node);
    measure();
    return () => observer.disconnect();
  }, []);

  // A number decides, not the array: it is another one at every look.
  const shown = columns.slice(sight.first, sight.last);
  const shownKeys = shown.map(one => one.key).join('\n');
  React.useEffect(() => {
    model.setWindow(first, Math.max(last, Math.ceil(size.height / ROW_HEIGHT)), shown);
  }, [model, first, last, size.height, shownKeys]);

  React.useEffect(() => {
    const follow = (_: RunsTableModel, lines: number) => {
      if (grid.current) {
        grid.current.scrollTop += lines * ROW_HEIGHT;
        setActive(now => ({ ...now, line: Math.max(0, now.line + lines) }));
      }
    };
    model.shifted.connect(follow);
    return () => {
      model.shifted.disconnect(follow);
    };
  }, [model]);

  // Other runs begin at their first.
  React.useEffect(() => {
    if (grid.current) {
      grid.current.scrollTop = 0;
    }
    setActive(now => ({ ...now, line: Math.min(now.line, 0) }));
  }, [model.question]);

  // What is active is in sight.
  React.useEffect(() => {
    const node = grid.current;
    if (!node || !count) {
      return;
    }
    if (line >= 0) {
      const start = line * ROW_HEIGHT;
      const room = node.clientHeight - HEAD_HEIGHT;
      if (start < node.scrollTop) {
        node.scrollTop = start;
      } else if (start + ROW_HEIGHT > node.scrollTop + room) {
        node.scrollTop = start + ROW_HEIGHT - room;
      }
    }
    if (at > 0) {
      const left = columns.slice(0, at - 1).reduce((sum, one) => sum + one.width, 0);
      const room = node.clientWidth - nameWidth;
      if (left < node.scrollLeft) {
        node.scrollLeft = left;
      } else if (left + columns[at - 1].width > node.scrollLeft + room) {
        node.scrollLeft = left + columns[at - 1].width - room;
      }
    }
  }, [line, at]);

  const selectTo = async (index: number, added: boolean) => {
    const { anchor } = model.selection;
    const from = anchor === null ? index : model.indexOf(anchor);
    await model.selectRange(from < 0 ? index : from, index, added);
  };

  const keys: IGridKeys = {
    model,
    actions,
    active: { line, column: at },
    setActive,
    selectTo
  };

  const click = (event: React.MouseEvent, index: number) => {
    const clicked = model.line(index);
    setActive(now => ({ ...now, line: index }));
    if (clicked?.kind === 'group') {
      model.toggleGroup(clicked.group.value);
    } else if (!clicked?.run) {
      return;
    } else if (event.shiftKey) {
      void selectTo(index, event.ctrlKey || event.metaKey);
    } else if (event.ctrlKey || event.metaKey) {
      model.select(toggle(selection, clicked.run.id));
    } else {
      model.select(only(clicked.run.id));
    }
  };

  const menu = (event: React.MouseEvent, index: number) => {
    const run = model.run(index);
    if (run) {
      event.preventDefault();
      event.stopPropagation();
      setActive(now => ({ ...now, line: index }));
      if (!selection.ids.has(run.id)) {
        model.select(only(run.id));
      }
      actions.runMenu(run, event.clientX, event.clientY);
    }
  };

  const rows: React.ReactNode[] = [];
  for (let index = first; index < last; index++) {
    const shownLine = model.line(index);
    const run = shownLine?.kind === 'run' ? shownLine.run : undefined;
    const group = shownLine?.kind === 'group' ? shownLine : undefined;
    const isActive = index === line;
    const cells = shown.map((column, offset) => {
      const number = sight.first + offset + 1;
      return (
        <div
          key={column.key}
          id={`${prefix}-${index}-${number}`}
          role="gridcell"
          aria-colindex={number + 1}
          className={cellClass(column, isActive && number === at)}
          style={{ width: column.width }}
          onClick={() => setActive({ line: index, column: number })}
        >
          {run ? (
            <RunCell
              column={column}
              run={run}
              sparklines={view.sparklines ? model.sparklines : null}
              trans={trans}
            />
          ) : group ? (
            <GroupCell column={column} group={group.group} view={view} trans={trans} />
          ) : null}
        </div>
      );
    });
    rows.push(
      <div
        key={run?.id ?? (group ? `group ${group.group.value}` : index)}
        role="row"
        aria-rowindex={index + 2}
        aria-selected={run ? selection.ids.has(run.id) : undefined}
        aria-expanded={group?.open}
        aria-level={model.grouped === null ? undefined : group ? 1 : 2}
        className={
          'jp-mlops-grid-row' +
          (isActive ? ' jp-mod-active' : '') +
          (group ? ' jp-mlops-grid-group' : '')
        }
        data-mlops-run={run?.id}
        style={{ top: index * ROW_HEIGHT }}
        onClick={event => click(event, index)}
        onDoubleClick={() => run && actions.open(run.id)}
        onContextMenu={event => menu(event, index)}
      >
        <div
          id={`${prefix}-${index}-0`}
          role="gridcell"
          aria-colindex={1}
          className={
            'jp-mlops-grid-name' + (isActive && at === 0 ? ' jp-mod-activeCell' : '')
          }
          style={{ width: nameWidth }}
          onClick={() => setActive({ line: index, column: 0 })}
        >
          {group ? (
            <GroupName
              group={group.group}
              by={model.grouped ?? ''}
              open={group.open}
              trans={trans}
            />
          ) : run ? (
            <RunName
              run={run}
              indented={model.grouped !== null}
              selected={selection.ids.has(run.id)}
              onSelect={event => {
                event.stopPropagation();
                setActive({ line: index, column: 0 });
                if (event.shiftKey) {
                  void selectTo(index, true);
                } else {
                  model.select(toggle(selection, run.id));
                }
              }}
              actions={actions}
              trans={trans}
            />
          ) : (
            <span className="jp-mlops-grid-loading" />
          )}
        </div>
        <div role="presentation" style={{ flex: 'none', width: sight.before }} />
        {cells}
      </div>
    );
  }

  const width = nameWidth + columns.reduce((sum, one) => sum + one.width, 0);
  return (
    <div
      ref={grid}
      className="jp-mlops-grid"
      role={model.grouped === null ? 'grid' : 'treegrid'}
      aria-label={props.label}
      aria-multiselectable
      aria-rowcount={count + 1}
      aria-colcount={columns.length + 1}
      aria-busy={model.loading}
      aria-activedescendant={
        count ? `${prefix}-${line < 0 ? 'head' : line}-${at}` : undefined
      }
      tabIndex={0}
      onScroll={event =>
        setScroll({
          top: event.currentTarget.scrollTop,
          left: event.currentTarget.scrollLeft
        })
      }
      onKeyDown={event => {
        if (event.target === event.currentTarget) {
          onGridKey(event, keys);
        }
      }}
    >
      <GridHead
        model={model}
        prefix={prefix}
        sight={sight}
        active={line < 0 ? at : null}
        width={width}
        onColumnMenu={actions.columnMenu}
        trans={trans}
      />
      <div
        role="rowgroup"
        className="jp-mlops-grid-body"
        style={{ height: count * ROW_HEIGHT, width }}
      >
        {rows}
      </div>
    </div>
  );
}

function cellClass(column: IColumn, isActive: boolean): string {
  const number = kindOf(column.key) === 'metrics' || column.key === 'attributes.duration';
  return (
    'jp-mlops-grid-cell' +
    (number ? ' jp-mod-number' : '') +
    (isActive ? ' jp-mod-activeCell' : '')
  );
}
