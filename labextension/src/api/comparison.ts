import type { IAnswer, MlopsClient } from './client';
import type { components } from './schema';

type Schemas = components['schemas'];

export type Comparison = Schemas['Comparison'];
export type Difference = Schemas['Difference'];
export type ComparedRun = Schemas['RunRow'];
export type ComparedDetail = Schemas['RunDetail'];
export type ComparedStatus = Schemas['RunStatus'];

/** Runs that can be compared at once. */
export const COMPARED_MOST = 50;

/** Where runs differ; null when `etag` still holds. */
export function compareRuns(
  client: MlopsClient,
  runs: readonly string[],
  etag?: string | null
): Promise<IAnswer<Comparison> | null> {
  const search = new URLSearchParams(runs.map(run => ['run', run]));
  return client.getIfNew<Comparison>(`runs/compare?${search}`, etag);
}

/** All of a run's values, also those that it shares with others. */
export async function comparedDetail(
  client: MlopsClient,
  run: string
): Promise<ComparedDetail> {
  const path = `runs/${encodeURIComponent(run)}?summary=false`;
  const answer = await client.getIfNew<ComparedDetail>(path);
  if (!answer) {
    throw new Error('An answer to a request without an ETag.');
  }
  return answer.value;
}

/** Runs that could be compared as well: those that match words, newest first. */
export async function findRuns(
  client: MlopsClient,
  words: string,
  experiments: readonly string[],
  limit: number
): Promise<readonly ComparedRun[]> {
  const search = new URLSearchParams(experiments.map(id => ['experiment', id]));
  search.set('limit', String(limit));
  // Names and what a row needs; no parameter or metric.
  search.append('columns', 'attributes.status');
  if (words) {
    search.set('filter', words);
  }
  const answer = await client.getIfNew<Schemas['RunList']>(`runs?${search}`);
  return answer?.value.runs ?? [];
}
