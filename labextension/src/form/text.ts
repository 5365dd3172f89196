import type { TranslationBundle } from '@jupyterlab/translation';

/** Typed text that can't be read; the message says what would be. */
export class Unreadable extends Error {}

const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400 };
const BYTES: Record<string, number> = {
  '': 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40
};

/** "90", "30m", "1h30m" → seconds. */
export function parseDuration(text: string, trans: TranslationBundle): number {
  const compact = text.replace(/\s+/g, '').toLowerCase();
  if (/^\d+(\.\d+)?$/.test(compact)) {
    return Number(compact);
  }
  const parts = [...compact.matchAll(/(\d+(?:\.\d+)?)([smhd])/g)];
  if (!parts.length || parts.map(part => part[0]).join('') !== compact) {
    throw new Unreadable(trans.__('Write a time such as 90s, 30m or 1h30m.'));
  }
  return parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * SECONDS[unit], 0);
}

/** "512M", "4G", "1.5 GiB" → bytes. */
export function parseSize(text: string, trans: TranslationBundle): number {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?\s*$/i.exec(text);
  if (!match) {
    throw new Unreadable(trans.__('Write a size such as 512M or 4G.'));
  }
  return Math.round(Number(match[1]) * BYTES[match[2].toLowerCase()]);
}

/** Lines of `KEY=value`, or a bare `KEY`. */
export function parseLines(
  text: string,
  trans: TranslationBundle
): { values: Record<string, string>; names: string[] } {
  const values: Record<string, string> = {};
  const names: string[] = [];
  for (const line of text.split('\n')) {
    if (!line.trim()) {
      continue;
    }
    const at = line.indexOf('=');
    const key = (at < 0 ? line : line.slice(0, at)).trim();
    if (!key) {
      throw new Unreadable(trans.__('A line has no name before "=": %1', line));
    }
    if (at < 0) {
      names.push(key);
    } else {
      values[key] = line.slice(at + 1);
    }
  }
  return { values, names };
}

/** The reverse of `parseLines`. */
export function formatLines(
  values: Record<string, string>,
  names: readonly string[]
): string {
  return [
    ...Object.entries(values).map(([key, value]) => `${key}=${value}`),
    ...names
  ].join('\n');
}
