import type { IAnswer, MlopsClient } from './client';
import { MlopsError } from './client';
import type { Axis } from '../charts/series';
import type { RunChanges, RunDetail, RunNotebook, SeriesList } from './types';

/** The server draws no more series at once. */
export const SERIES_MOST = 100;

/** A run; null when nothing has changed since the reading with `etag`. */
export async function readRun(
  client: MlopsClient,
  id: string,
  options: { summary: boolean; etag?: string | null }
): Promise<IAnswer<RunDetail> | null> {
  const path = `runs/${encodeURIComponent(id)}?summary=${options.summary}`;
  return client.getIfNew<RunDetail>(path, options.etag);
}

/** Change a run's name, note, tags or favourite; a changed note may meet another: `otherNote`. */
export async function changeRun(
  client: MlopsClient,
  id: string,
  changes: Partial<RunChanges>
): Promise<RunDetail> {
  return client.send<RunDetail>('PATCH', `runs/${encodeURIComponent(id)}`, changes);
}

/** The note as somebody else has changed it meanwhile, where that is why a change was refused. */
export function otherNote(error: unknown): { note: string; version: string } | null {
  if (!(error instanceof MlopsError) || error.code !== 'note_changed') {
    return null;
  }
  const told = error.problems[0] as unknown as { note?: string; note_version?: string };
  return { note: told?.note ?? '', version: told?.note_version ?? '' };
}

/** Put a run's notebook among the person's files again; nothing is written over. */
export async function restoreNotebook(
  client: MlopsClient,
  id: string
): Promise<RunNotebook> {
  return client.send<RunNotebook>('POST', `runs/${encodeURIComponent(id)}/notebook`, {});
}

/** Points of some metrics of a run, from a place of the axis on. */
export async function readPoints(
  client: MlopsClient,
  id: string,
  keys: readonly string[],
  options: { axis: Axis; from?: number | null; to?: number | null; points?: number }
): Promise<SeriesList> {
  const search = new URLSearchParams({ run: id, axis: options.axis });
  keys.forEach(key => search.append('key', key));
  for (const name of ['from', 'to', 'points'] as const) {
    const value = options[name];
    if (value !== undefined && value !== null) {
      search.set(name, String(value));
    }
  }
  const answer = await client.getIfNew<SeriesList>(`metrics?${search}`);
  return answer ? answer.value : { axis: options.axis, series: [] };
}
