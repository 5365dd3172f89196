import type { MlopsClient } from '../api/client';
import { MlopsError } from '../api/client';
import { artifactText, listArtifacts } from '../api/artifacts';
import type { RunRow } from '../api/types';
import { TRACEBACK } from './facts';

/** Where a run failed. */
export interface IFailedCell {
  /** Execution count; null when only the text is known. */
  readonly count: number | null;
  readonly source: string;
  readonly traceback: string;
}

const NOTEBOOK_MOST = 16 * 2 ** 20;
const TRACEBACK_MOST = 256 * 1024;
/** Sequences that colour a terminal. */
// eslint-disable-next-line no-control-regex
const COLOURS = /\u001b\[[0-9;]*[A-Za-z]/g;

/** The cell and traceback of a run that failed; null where nobody kept them. */
export async function readFailure(
  client: MlopsClient,
  run: RunRow
): Promise<IFailedCell | null> {
  const kept = await found(artifactText(client, run.id, TRACEBACK, TRACEBACK_MOST));
  if (kept !== null) {
    return { count: null, source: '', traceback: kept.replace(COLOURS, '') };
  }
  if (!run.job_id) {
    return null;
  }
  const attempt = Number(run.own_tags['mlops.attempt']);
  const live = await found(client.notebook(run.job_id, attempt || undefined));
  if (live) {
    return failedCell(live);
  }
  const listing = await found(listArtifacts(client, run.id, 'notebook'));
  const file = listing?.artifacts.find(
    one => one.path.endsWith('.ipynb') && (one.size ?? 0) <= NOTEBOOK_MOST
  );
  const text = file ? await found(artifactText(client, run.id, file.path)) : null;
  if (text === null) {
    return null;
  }
  try {
    return failedCell(JSON.parse(text));
  } catch {
    return null; // it is no notebook
  }
}

/** The first cell of a notebook with an error among its outputs. */
export function failedCell(notebook: unknown): IFailedCell | null {
  for (const cell of list(field(notebook, 'cells'))) {
    for (const output of list(field(cell, 'outputs'))) {
      if (field(output, 'output_type') === 'error') {
        const lines = list(field(output, 'traceback')).map(String).join('\n');
        const count = field(cell, 'execution_count');
        return {
          count: typeof count === 'number' ? count : null,
          source: joined(field(cell, 'source')),
          traceback: lines.replace(COLOURS, '')
        };
      }
    }
  }
  return null;
}

async function found<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof MlopsError && error.status === 404) {
      return null;
    }
    throw error;
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null
    ? (value as Record<string, unknown>)[name]
    : undefined;
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}

function joined(value: unknown): string {
  return Array.isArray(value) ? value.join('') : typeof value === 'string' ? value : '';
}
