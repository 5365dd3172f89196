import type { TranslationBundle } from '@jupyterlab/translation';

import type { DataChange, Part } from '../../api/changes';

export type Change = DataChange['change'];

/** The sign of a change, which says the same as its colour. */
export const SIGNS: Readonly<Record<Change, string>> = {
  added: '+',
  removed: '−',
  changed: '~',
  moved: '→',
  unknown: '?'
};

export function changeLabel(change: Change, trans: TranslationBundle): string {
  switch (change) {
    case 'added':
      return trans.__('Added');
    case 'removed':
      return trans.__('Removed');
    case 'changed':
      return trans.__('Changed');
    case 'moved':
      return trans.__('Moved');
    case 'unknown':
      return trans.__('Not known');
  }
}

export function partLabel(part: Part, trans: TranslationBundle): string {
  switch (part) {
    case 'notebook':
      return trans.__('Notebook');
    case 'packages':
      return trans.__('Packages');
    case 'code':
      return trans.__('Code');
    case 'data':
      return trans.__('Data');
  }
}

/** `3 changed, 1 added`. */
export function countedText(
  counts: ReadonlyMap<Change, number>,
  trans: TranslationBundle
): string {
  const told: string[] = [];
  for (const change of ['changed', 'added', 'removed', 'moved', 'unknown'] as const) {
    const count = counts.get(change);
    if (count) {
      told.push(`${count} ${changeLabel(change, trans).toLowerCase()}`);
    }
  }
  return told.join(', ');
}
