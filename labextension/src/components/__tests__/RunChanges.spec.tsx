import { nullTranslator } from '@jupyterlab/translation';
import * as React from 'react';
import { createRoot } from 'react-dom/client';
import type { Root } from 'react-dom/client';

import type { IDiffs } from '../../api/changes';
import type { MlopsClient } from '../../api/client';
import { MlopsError } from '../../api/client';
import { RunChanges } from '../RunChanges';

const { act } = React;
const trans = nullTranslator.load('jupyter_mlops');

const HOSTILE = '<img src=x onerror="window.hacked = true">';

const DIFFS: IDiffs = {
  notebook: {
    before: { path: 'a.ipynb', cells: 400, executed: true },
    after: { path: 'b.ipynb', cells: 400, executed: true },
    cells: Array.from({ length: 400 }, (_, index) => ({
      change: 'changed',
      kind: 'code',
      before: index,
      after: index,
      source: {
        hunks: [
          {
            before: 1,
            after: 1,
            lines: [
              { op: '-', pieces: ['lr = ', '0.1'] },
              { op: '+', pieces: ['lr = ', HOSTILE] }
            ]
          }
        ],
        added: 1,
        removed: 1,
        before_lines: 1,
        after_lines: 1,
        cut: ''
      },
      // One is enough: every frame is a window of its own here.
      outputs:
        index > 0
          ? []
          : [
              {
                change: 'changed',
                kind: 'text/html',
                text: null,
                before: { media_type: 'text/html', data: HOSTILE },
                after: { media_type: 'text/html', data: '<b>ok</b>' },
                note: ''
              }
            ],
      metadata: null,
      first_line: 'lr'
    })),
    metadata: null,
    equal: 0,
    changes: 400,
    outputs_compared: true,
    notes: []
  },
  packages: {
    known: [true, false],
    packages: [],
    python: [null, null],
    equal: 0,
    changes: 0,
    notes: []
  },
  code: {
    known: [true, true],
    before: null,
    after: null,
    files: [],
    equal: 2,
    changes: 0,
    notes: []
  },
  data: {
    known: [true, true],
    data: [
      {
        name: HOSTILE,
        change: 'added',
        dataset: false,
        before: null,
        after: { path: '/x', size: 4, hash: 'abc', rows: null, versioned: '', note: '' }
      }
    ],
    equal: 0,
    changes: 1,
    notes: []
  }
};

let host: HTMLDivElement;
let root: Root;
let asked: string[];
let failing: Set<string>;

beforeEach(() => {
  (globalThis as { IS_REACT_ACT_ENVIRONMENT?: boolean }).IS_REACT_ACT_ENVIRONMENT = true;
  Element.prototype.scrollIntoView = () => undefined;
  host = document.createElement('div');
  document.body.append(host);
  root = createRoot(host);
  asked = [];
  failing = new Set();
});

afterEach(() => {
  act(() => root.unmount());
  host.remove();
});

async function show(): Promise<void> {
  const client = {
    getIfNew: (path: string) => {
      asked.push(path);
      const part = path.split('/')[4] as keyof IDiffs;
      return failing.has(part)
        ? Promise.reject(
            new MlopsError(413, { code: 'diff_too_large', detail: 'Too large.' })
          )
        : Promise.resolve({ value: DIFFS[part], etag: null });
    }
  } as unknown as MlopsClient;
  act(() => {
    root.render(
      <RunChanges
        runs={['a1', 'b2']}
        names={['old', 'new']}
        client={client}
        trans={trans}
      />
    );
  });
  await settled();
}

/** One part is asked for after the other. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) {
    await act(() => Promise.resolve());
  }
}

const tabs = () => [...host.querySelectorAll<HTMLElement>('[role="tab"]')];
const click = (node: Element | null | undefined) =>
  act(() => {
    (node as HTMLElement).click();
    return Promise.resolve();
  });
const key = (node: Element | null, name: string, more: KeyboardEventInit = {}) =>
  act(() => {
    node?.dispatchEvent(
      new KeyboardEvent('keydown', { key: name, bubbles: true, ...more })
    );
  });

it('asks for each part once, the one in front first, and counts its changes', async () => {
  await show();
  expect(asked).toEqual(
    ['notebook', 'packages', 'code', 'data'].map(part => `runs/a1/diff/b2/${part}`)
  );
  expect(tabs().map(tab => tab.textContent)).toEqual([
    'Notebook400400 changes',
    'Packages?Not known',
    'Code00 changes',
    'Data11 change'
  ]);
});

it('shows what others made as text or in a frame without rights', async () => {
  await show();
  expect(host.querySelector('img[onerror]')).toBeNull();
  expect(host.querySelector('ins')?.textContent).toBe(`lr = ${HOSTILE}`);
  expect(host.querySelector('ins > b')?.textContent).toBe(HOSTILE);
  expect(host.querySelector('del > b')?.textContent).toBe('0.1');
  for (const frame of host.querySelectorAll('iframe')) {
    expect(frame.getAttribute('sandbox')).toBe('');
    expect(frame.getAttribute('srcdoc')).toContain("default-src 'none'");
  }
  await click(tabs()[3]);
  expect(host.querySelector('tbody th')?.textContent).toBe(HOSTILE);
});

it('has as many cells in the page as somebody has looked at', async () => {
  await show();
  const cells = () => host.querySelectorAll('.jp-mlops-change').length;
  expect(cells()).toBe(30);
  await click(host.querySelector('.jp-mlops-changes-more'));
  expect(cells()).toBe(60);
});

it('says which run tells nothing, and what is the same', async () => {
  await show();
  await click(tabs()[1]);
  expect(host.textContent).toContain('new does not tell its packages.');
  await click(tabs()[2]);
  expect(host.textContent).toContain('The code is the same.');
});

it('goes by keyboard from part to part and from change to change', async () => {
  await show();
  tabs()[0].focus();
  key(document.activeElement, 'End');
  expect(document.activeElement).toBe(tabs()[3]);
  key(document.activeElement, 'ArrowRight');
  expect(document.activeElement).toBe(tabs()[0]);
  expect(tabs()[0].getAttribute('aria-selected')).toBe('true');
  const heads = () => [...host.querySelectorAll('.jp-mlops-change > h4 > button')];
  key(document.activeElement, 'ArrowDown', { altKey: true });
  expect(document.activeElement).toBe(heads()[0]);
  key(document.activeElement, 'ArrowDown', { altKey: true });
  expect(document.activeElement).toBe(heads()[1]);
  key(document.activeElement, 'ArrowUp', { altKey: true });
  expect(document.activeElement).toBe(heads()[0]);
});

it('compares the other way round', async () => {
  await show();
  asked = [];
  await click(host.querySelector('[aria-label="Swap the two runs"]'));
  await settled();
  expect(asked[0]).toBe('runs/b2/diff/a1/notebook');
});

it('lets somebody try again what failed', async () => {
  failing.add('notebook');
  await show();
  expect(host.querySelector('[role="alert"]')?.textContent).toContain('Too large.');
  expect(tabs()[3].textContent).toBe('Data11 change');
  failing.clear();
  await click(host.querySelector('[role="alert"] button'));
  await settled();
  expect(host.querySelectorAll('.jp-mlops-change').length).toBe(30);
});
