/** A table as it was read from a file: hostile text, row by row. */
export interface ITable {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Whether there is more than was read. */
  readonly cut: boolean;
}

export const ROWS_MOST = 10_000;
export const COLUMNS_MOST = 200;

/** Separated values (RFC 4180); `cut` says that the text is only the beginning of a file. */
export function parseSeparated(text: string, separator: string, cut = false): ITable {
  const rows: string[][] = [];
  let row: string[] = [];
  let field = '';
  let quoted = false;
  let more = cut;
  let index = text.startsWith('\ufeff') ? 1 : 0;
  for (; index < text.length; index++) {
    const letter = text[index];
    if (quoted) {
      if (letter !== '"') {
        field += letter;
      } else if (text[index + 1] === '"') {
        field += '"';
        index++;
      } else {
        quoted = false;
      }
    } else if (letter === '"' && field === '') {
      quoted = true;
    } else if (letter === separator) {
      row.push(field);
      field = '';
    } else if (letter === '\n' || letter === '\r') {
      if (letter === '\r' && text[index + 1] === '\n') {
        index++;
      }
      row.push(field);
      field = '';
      rows.push(row);
      row = [];
      if (rows.length > ROWS_MOST) {
        more = true;
        break;
      }
    } else {
      field += letter;
    }
  }
  // A beginning ends anywhere: its last line may be half a one.
  if ((field !== '' || row.length) && !more) {
    rows.push([...row, field]);
  }
  const [head = [], ...body] = rows.filter(one => one.length > 1 || one[0] !== '');
  return limited(head, body, more);
}

/** A table in JSON: MLflow's own form, a list of records, or of lists; null when it is none. */
export function tableOfJson(value: unknown): ITable | null {
  if (isRecord(value) && Array.isArray(value.columns) && Array.isArray(value.data)) {
    const data = value.data.filter(Array.isArray) as unknown[][];
    return limited(
      value.columns.map(shown),
      data.slice(0, ROWS_MOST).map(row => row.map(shown)),
      data.length > ROWS_MOST
    );
  }
  if (!Array.isArray(value) || !value.length || !value.every(isRecord)) {
    return null;
  }
  const records = value.slice(0, ROWS_MOST);
  const columns = [...new Set(records.flatMap(one => Object.keys(one)))];
  return limited(
    columns,
    records.map(one => columns.map(column => shown(one[column]))),
    value.length > ROWS_MOST
  );
}

function limited(
  columns: readonly string[],
  rows: readonly (readonly string[])[],
  cut: boolean
): ITable {
  return {
    columns: columns.slice(0, COLUMNS_MOST),
    rows: rows.slice(0, ROWS_MOST).map(row => row.slice(0, COLUMNS_MOST)),
    cut: cut || columns.length > COLUMNS_MOST || rows.length > ROWS_MOST
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  if (value === null || value === undefined) {
    return '';
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}
