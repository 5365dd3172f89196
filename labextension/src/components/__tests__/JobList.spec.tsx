import { nullTranslator } from '@jupyterlab/translation';
import * as React from 'react';
import { createRoot } from 'react-dom/client';
import type { Root } from 'react-dom/client';

import type { Job, State } from '../../api/types';
import { JobList } from '../JobList';
import { stateLabel, StateIcon } from '../StateBadge';

const { act } = React;
const trans = nullTranslator.load('jupyter_mlops');
const ALL_STATES: State[] = [
  'queued',
  'starting',
  'running',
  'succeeded',
  'failed',
  'cancelled'
];

function job(id: string, state: State = 'succeeded', notebook = '/a/n.ipynb'): Job {
  return {
    id,
    name: `job ${id}`,
    notebook,
    state,
    version: 1,
    created_at: 1,
    started_at: 1,
    ended_at: 2,
    cancelling: false,
    progress: { total: 0, done: 0 },
    spec: { notebook }
  } as unknown as Job;
}

let host: HTMLDivElement;
let root: Root;

beforeEach(() => {
  (globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
  host = document.createElement('div');
  document.body.append(host);
  root = createRoot(host);
});

afterEach(() => {
  act(() => root.unmount());
  host.remove();
});

describe('JobList by keyboard', () => {
  let done: string[];
  let selection: ReadonlySet<string>;

  function show(jobs: Job[], grouped = false): void {
    const render = () =>
      root.render(
        <JobList
          jobs={jobs}
          grouped={grouped}
          selection={selection}
          onSelect={next => {
            selection = next;
            render();
          }}
          onNearEnd={() => undefined}
          actions={{
            open: id => done.push(`open ${id}`),
            cancel: ids => done.push(`cancel ${ids.join(' ')}`),
            rerun: id => done.push(`rerun ${id}`),
            remove: ids => done.push(`remove ${ids.join(' ')}`)
          }}
          trans={trans}
        />
      );
    act(render);
  }

  const grid = () => {
    const found = host.querySelector<HTMLElement>('.jp-mlops-list');
    if (!found) {
      throw new Error('There is no list.');
    }
    return found;
  };
  const active = () => grid().getAttribute('aria-activedescendant');
  const press = (key: string, init: KeyboardEventInit = {}) =>
    act(() => {
      grid().dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, ...init }));
    });

  beforeEach(() => {
    done = [];
    selection = new Set();
  });

  it('moves, opens and runs again', () => {
    show([job('1'), job('2'), job('3')]);
    expect(grid().tabIndex).toBe(0);
    press('ArrowDown');
    expect(active()).toBe('jp-mlops-job-2');
    press('Enter');
    press('End');
    press('r');
    press('Home');
    press('ArrowUp');
    press('Enter');
    expect(done).toEqual(['open 2', 'rerun 3', 'open 1']);
    expect(document.getElementById(active() ?? '')?.classList).toContain('jp-mod-active');
  });

  it('selects by space, ranges and all', () => {
    show([job('1'), job('2'), job('3')]);
    press(' ');
    press('ArrowDown', { shiftKey: true });
    expect([...selection]).toEqual(['1', '2']);
    press('a', { ctrlKey: true });
    expect(selection.size).toBe(3);
    press('Escape');
    expect(selection.size).toBe(0);
  });

  it('cancels what runs and deletes what has ended', () => {
    show([job('1', 'running'), job('2')]);
    press('Delete');
    press('ArrowDown');
    press('Delete');
    expect(done).toEqual(['cancel 1', 'remove 2']);
  });

  it('opens the menu of the active row', () => {
    show([job('1'), job('2')]);
    const rows: (string | undefined)[] = [];
    host.addEventListener('contextmenu', event =>
      rows.push((event.target as HTMLElement).dataset.mlopsJob)
    );
    press('ArrowDown');
    press('F10', { shiftKey: true });
    press('ContextMenu');
    expect(rows).toEqual(['2', '2']);
  });

  it('is a tree when grouped, whose groups open and close', () => {
    show([job('1'), job('2', 'failed', '/b c/m.ipynb'), job('3')], true);
    expect(grid().getAttribute('role')).toBe('treegrid');
    expect(grid().getAttribute('aria-rowcount')).toBe('5');
    expect(active()).not.toMatch(/\s/);
    press('ArrowLeft');
    expect(grid().getAttribute('aria-rowcount')).toBe('3');
    press('ArrowRight');
    expect(grid().getAttribute('aria-rowcount')).toBe('5');
    expect(host.querySelector('[aria-level="2"]')?.textContent).toContain('job 1');
  });
});

/** Not by colour alone: each state has a name of its own, and a shape. */
test('every state has its own label and icon', () => {
  const labels = ALL_STATES.map(state => stateLabel(state, trans));
  expect(new Set(labels).size).toBe(ALL_STATES.length);
  act(() =>
    root.render(
      <>
        {ALL_STATES.map((state, index) => (
          <StateIcon key={state} state={state} label={labels[index]} />
        ))}
      </>
    )
  );
  const icons = [...host.querySelectorAll('[role="img"]')];
  expect(icons.map(icon => icon.getAttribute('aria-label'))).toEqual(labels);
  const shapes = ALL_STATES.filter(state => state !== 'starting').map(
    state =>
      icons.find(icon => icon.getAttribute('data-state') === state)?.querySelector('svg')
        ?.outerHTML
  );
  expect(new Set(shapes).size).toBe(shapes.length);
});
