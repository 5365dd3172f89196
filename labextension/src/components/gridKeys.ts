import type * as React from 'react';

import { moved, resized } from '../model/runColumns';
import { NOTHING, toggle } from '../model/runSelection';
import type { RunsTableModel } from '../model/runsTable';
import { ordered } from '../model/runsView';
import type { IRunActions } from './RunsGrid';

export interface IActiveCell {
  /** -1 is the head. */
  line: number;
  /** 0 is the name. */
  column: number;
}

export interface IGridKeys {
  model: RunsTableModel;
  actions: IRunActions;
  active: IActiveCell;
  setActive: (cell: IActiveCell) => void;
  /** Choose every run from the anchor to a line. */
  selectTo: (line: number, added: boolean) => Promise<void>;
}

const PAGE_LINES = 20;
const WIDER_PX = 16;

/** What a key does in the table of runs. */
export function onGridKey(event: React.KeyboardEvent<HTMLElement>, keys: IGridKeys): void {
  const { model, active } = keys;
  const handled = active.line < 0 ? headKey(event, keys) : rowKey(event, keys);
  if (handled || move(event, keys)) {
    event.preventDefault();
    event.stopPropagation();
  } else if (event.key === '/' && !event.ctrlKey && !event.metaKey && !event.altKey) {
    event.preventDefault();
    keys.actions.search();
  } else if (event.key === 'Escape' && model.selection.ids.size) {
    event.preventDefault();
    model.select(NOTHING);
  }
}

function move(event: React.KeyboardEvent, keys: IGridKeys): boolean {
  const { model, active, setActive } = keys;
  const { key } = event;
  const columns = { ArrowLeft: active.column - 1, ArrowRight: active.column + 1 }[key];
  if (columns !== undefined) {
    setActive({ ...active, column: Math.min(Math.max(columns, 0), model.columns.length) });
    return true;
  }
  const line = {
    ArrowDown: active.line + 1,
    ArrowUp: active.line - 1,
    PageDown: active.line + PAGE_LINES,
    PageUp: Math.max(active.line - PAGE_LINES, 0),
    Home: 0,
    End: model.count - 1
  }[key];
  if (line === undefined) {
    return false;
  }
  const target = Math.max(Math.min(line, model.count - 1), event.shiftKey ? 0 : -1);
  setActive({ ...active, line: target });
  if (event.shiftKey) {
    const from = model.run(active.line);
    if (model.selection.anchor === null && from) {
      model.select({ ...model.selection, anchor: from.id });
    }
    void keys.selectTo(target, false);
  } else {
    // A range begins where the last move without Shift has led.
    model.select({ ...model.selection, anchor: model.run(target)?.id ?? null });
  }
  return true;
}

function headKey(event: React.KeyboardEvent<HTMLElement>, keys: IGridKeys): boolean {
  const grid = event.currentTarget;
  const { model, actions, active, setActive } = keys;
  const at = active.column - 1;
  const { columns, view } = model;
  const column = at >= 0 ? columns[at] : undefined;
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (step && (event.ctrlKey || event.metaKey) && column) {
    const to = at + step;
    if (to >= 0 && to < columns.length) {
      model.setView({ ...view, columns: moved(columns, at, step > 0 ? to + 1 : to) });
      setActive({ ...active, column: to + 1 });
    }
    return true;
  }
  if (step && event.shiftKey) {
    if (column) {
      const width = column.width + step * WIDER_PX;
      model.setView({ ...view, columns: resized(columns, column.key, width) });
    }
    return true;
  }
  if ((event.key === 'Enter' || event.key === ' ') && column) {
    model.setView(ordered(view, column.key, event.shiftKey));
    return true;
  }
  if (event.key === 'Delete' && column) {
    model.setView({ ...view, columns: columns.filter(one => one !== column) });
    return true;
  }
  if (isMenuKey(event) && column) {
    const head = activeNode(grid);
    const { left, bottom } = (head ?? grid).getBoundingClientRect();
    actions.columnMenu(column.key, left, bottom);
    return true;
  }
  return false;
}

function rowKey(event: React.KeyboardEvent<HTMLElement>, keys: IGridKeys): boolean {
  const grid = event.currentTarget;
  const { model, actions, active, setActive } = keys;
  const line = model.line(active.line);
  if (line?.kind === 'group') {
    const wants = { ArrowRight: true, ArrowLeft: false }[event.key] ?? !line.open;
    const opens = ['Enter', ' '].includes(event.key) || wants !== line.open;
    if (['Enter', ' ', 'ArrowRight', 'ArrowLeft'].includes(event.key) && opens) {
      model.toggleGroup(line.group.value, wants);
      return true;
    }
    return false;
  }
  const run = line?.run;
  const { ids } = model.selection;
  if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
    if (event.key === 'a') {
      void selectAll(model);
      return true;
    }
    if (event.key === 'c' && run && !String(window.getSelection())) {
      actions.copyIds(ids.size ? [...ids] : [run.id]);
      return true;
    }
    return false;
  }
  if (!run || event.altKey) {
    return false;
  }
  if (event.key === 'ArrowLeft' && active.column === 0 && model.grouped !== null) {
    setActive({ ...active, line: model.groupLine(active.line) });
    return true;
  }
  if (isMenuKey(event)) {
    const { left, bottom } = (activeNode(grid) ?? grid).getBoundingClientRect();
    actions.runMenu(run, left + 24, bottom);
    return true;
  }
  switch (event.key) {
    case 'Enter':
      actions.open(run.id);
      return true;
    case ' ':
      model.select(toggle(model.selection, run.id));
      return true;
    case 'f':
      actions.favourite(ids.size ? [...ids] : [run.id]);
      return true;
    case 'n':
      actions.note(run);
      return true;
    case 'c':
      actions.compare([...ids]);
      return true;
    case 'r':
      actions.report(ids.size ? [...ids] : [run.id]);
      return true;
    default:
      return false;
  }
}

async function selectAll(model: RunsTableModel): Promise<void> {
  model.select({ ...model.selection, anchor: null });
  await model.selectRange(0, model.count - 1);
}

function isMenuKey(event: React.KeyboardEvent): boolean {
  return event.key === 'ContextMenu' || (event.key === 'F10' && event.shiftKey);
}

function activeNode(grid: HTMLElement): HTMLElement | null {
  return document.getElementById(grid.getAttribute('aria-activedescendant') ?? '');
}
