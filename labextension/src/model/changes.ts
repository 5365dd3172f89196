import type {
  CellDiff,
  DataChange,
  DiffLine,
  NotebookDiff,
  TextDiff
} from '../api/changes';

/** Equal lines that stay around a change. */
export const CONTEXT = 3;

/** A line as it is told, with its number in each text that has it. */
export interface ILineRow {
  type: 'line';
  op: DiffLine['op'];
  pieces: readonly string[];
  before: number | null;
  after: number | null;
}

/** Equal lines that are there, but folded. */
export interface IFoldRow {
  type: 'fold';
  lines: readonly ILineRow[];
}

/** Equal lines that weren't told. */
export interface IGapRow {
  type: 'gap';
  count: number;
}

export type TextRow = ILineRow | IFoldRow | IGapRow;

/** A text's lines one below the other, long equal stretches folded. */
export function textRows(diff: TextDiff): TextRow[] {
  const rows: TextRow[] = [];
  let next = 1;
  for (const hunk of diff.hunks) {
    const gap = hunk.before - next;
    if (gap > 0) {
      rows.push({ type: 'gap', count: gap });
    }
    let { before, after } = hunk;
    const lines = hunk.lines.map((line): ILineRow => {
      const row: ILineRow = {
        type: 'line',
        op: line.op,
        pieces: line.pieces,
        before: line.op === '+' ? null : before,
        after: line.op === '-' ? null : after
      };
      before += line.op === '+' ? 0 : 1;
      after += line.op === '-' ? 0 : 1;
      return row;
    });
    next = before;
    rows.push(...folded(lines));
  }
  const rest = diff.before_lines - next + 1;
  if (diff.hunks.length > 0 && rest > 0 && !diff.cut) {
    rows.push({ type: 'gap', count: rest });
  }
  return rows;
}

/** Lines with the middle of long equal stretches folded. */
export function folded(lines: readonly ILineRow[]): TextRow[] {
  const rows: TextRow[] = [];
  let start = 0;
  while (start < lines.length) {
    let end = start;
    while (end < lines.length && lines[end].op === '=') {
      end++;
    }
    const lead = start === 0 ? 0 : CONTEXT;
    const trail = end === lines.length ? 0 : CONTEXT;
    // A fold takes a line itself: one of less than two would hide nothing.
    if (end - start > lead + trail + 1) {
      rows.push(...lines.slice(start, start + lead));
      rows.push({ type: 'fold', lines: lines.slice(start + lead, end - trail) });
      rows.push(...lines.slice(end - trail, end));
    } else {
      rows.push(...lines.slice(start, end));
    }
    while (end < lines.length && lines[end].op !== '=') {
      rows.push(lines[end]);
      end++;
    }
    start = end;
  }
  return rows;
}

/** What stands beside what; one side is null where only the other has a line. */
export type PairRow =
  { type: 'pair'; left: ILineRow | null; right: ILineRow | null } | IFoldRow | IGapRow;

/** The same rows side by side: the lines of a change by their places in it. */
export function paired(rows: readonly TextRow[]): PairRow[] {
  const found: PairRow[] = [];
  let removed: ILineRow[] = [];
  let added: ILineRow[] = [];
  const flush = () => {
    for (let index = 0; index < Math.max(removed.length, added.length); index++) {
      found.push({
        type: 'pair',
        left: removed[index] ?? null,
        right: added[index] ?? null
      });
    }
    removed = [];
    added = [];
  };
  for (const row of rows) {
    if (row.type === 'line' && row.op === '-') {
      if (added.length > 0) {
        flush();
      }
      removed.push(row);
    } else if (row.type === 'line' && row.op === '+') {
      added.push(row);
    } else {
      flush();
      found.push(row.type === 'line' ? { type: 'pair', left: row, right: row } : row);
    }
  }
  flush();
  return found;
}

/** A cell that differs, or how many don't between two that do. */
export type CellRow =
  | { type: 'cell'; cell: CellDiff }
  | { type: 'same'; count: number; before: number; after: number };

/** A notebook's cells in their order; those that are the same are only counted. */
export function cellRows(diff: NotebookDiff): CellRow[] {
  const rows: CellRow[] = [];
  let before = 0;
  let after = 0;
  const same = (count: number) => {
    if (count > 0) {
      rows.push({ type: 'same', count, before, after });
      before += count;
      after += count;
    }
  };
  for (const cell of diff.cells) {
    same(cell.before !== null ? cell.before - before : (cell.after ?? after) - after);
    rows.push({ type: 'cell', cell });
    before += cell.before === null ? 0 : 1;
    after += cell.after === null ? 0 : 1;
  }
  // Where not all cells are told, nobody knows what the rest is.
  if (diff.cells.length + (diff.metadata ? 1 : 0) === diff.changes) {
    same((diff.before?.cells ?? 0) - before);
  }
  return rows;
}

/** How many there are of each kind of change. */
export function counted(
  changes: readonly { change: DataChange['change'] }[]
): Map<DataChange['change'], number> {
  const found = new Map<DataChange['change'], number>();
  for (const { change } of changes) {
    found.set(change, (found.get(change) ?? 0) + 1);
  }
  return found;
}

/** Bytes as people read them. */
export function formatSize(bytes: number): string {
  let value = bytes;
  for (const unit of ['B', 'KiB', 'MiB', 'GiB']) {
    if (value < 1024) {
      return unit === 'B' ? `${value} B` : `${value.toFixed(1)} ${unit}`;
    }
    value /= 1024;
  }
  return `${value.toFixed(1)} TiB`;
}

const POLICY =
  "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; font-src data:";

/**
 * Somebody's HTML as a document for a frame without any rights: no script (the frame's sandbox), no
 * network (the policy, which stands before anything that could ask for it).
 */
export function sandboxed(html: string, colours: { text: string; ground: string }): string {
  return (
    '<!doctype html><meta charset="utf-8">' +
    `<meta http-equiv="Content-Security-Policy" content="${POLICY}">` +
    `<style>body{margin:8px;font:13px system-ui,sans-serif;color:${colours.text};` +
    `background:${colours.ground}}table{border-collapse:collapse}` +
    'td,th{padding:2px 8px;text-align:right}</style>' +
    html
  );
}

/** Pixels for a frame that nobody can look into: by the rows of its tables, else of its text. */
export function frameHeight(html: string): number {
  const rows = html.match(/<(tr|p|li|br|h[1-6])\b/gi)?.length ?? 0;
  return Math.min(360, Math.max(64, 28 + rows * 24));
}

const BASE64 = /^[A-Za-z0-9+/=\s]*$/;

/** The address of a picture that a notebook has; null when it is none. */
export function pictureUrl(mediaType: string, data: string): string | null {
  switch (mediaType) {
    case 'image/svg+xml':
      // As a picture it runs no script and loads nothing.
      return `data:image/svg+xml;charset=utf-8,${encodeURIComponent(data)}`;
    case 'image/png':
    case 'image/jpeg':
    case 'image/gif':
    case 'image/webp':
      return BASE64.test(data)
        ? `data:${mediaType};base64,${data.replace(/\s+/g, '')}`
        : null;
    default:
      return null;
  }
}
