import type { IAnswer, MlopsClient } from './client';
import type { components } from './schema';

type Schemas = components['schemas'];

export type RunRow = Schemas['RunRow'];
export type RunList = Schemas['RunList'];
export type RunDetail = Schemas['RunDetail'];
export type RunStatus = Schemas['RunStatus'];
export type RunChanges = Partial<Schemas['RunChanges']>;
export type RunGroup = Schemas['RunGroup'];
export type GroupList = Schemas['GroupList'];
export type GroupMetric = Schemas['GroupMetric'];
export type Columns = Schemas['Columns'];
export type Sparkline = Schemas['Sparkline'];
export type SparklineList = Schemas['SparklineList'];
/** A number, or the word for what JSON has no number for. */
export type MetricValue = number | 'NaN' | 'Infinity' | '-Infinity';

export interface IRunQuery {
  /** Ids; those of all experiments when left out. */
  experiment?: string | null;
  /** MLflow's syntax, plain words, or both. */
  filter?: string;
  /** As `metrics.acc:desc`. */
  order?: readonly string[];
  /** As `metrics.acc`; everything, within limits, when left out. */
  columns?: readonly string[];
  limit?: number;
  cursor?: string;
  offset?: number;
  /** Only runs of one group; a value of null: those without any. */
  member?: { by: string; value: string | null };
}

/** A page of runs; null when nothing is new since `etag`. */
export function listRuns(
  client: MlopsClient,
  query: IRunQuery,
  etag?: string | null
): Promise<IAnswer<RunList> | null> {
  return client.getIfNew<RunList>(pathOf(query), etag);
}

export function getRuns(client: MlopsClient, query: IRunQuery): Promise<RunList> {
  return client.get<RunList>(pathOf(query));
}

function pathOf(query: IRunQuery): string {
  const search = searchOf(query);
  query.columns?.forEach(column => search.append('columns', column));
  if (query.columns?.length === 0) {
    // None at all: an attribute is in every row anyway.
    search.append('columns', 'attributes.status');
  }
  for (const name of ['limit', 'cursor', 'offset'] as const) {
    if (query[name]) {
      search.set(name, String(query[name]));
    }
  }
  if (query.member) {
    search.set('group_by', query.member.by);
    if (query.member.value !== null) {
      search.set('group', query.member.value);
    }
  }
  return `runs?${search}`;
}

/** Groups with what `metrics` are in them. */
export function listGroups(
  client: MlopsClient,
  query: IRunQuery & { by: string; metrics: readonly string[] },
  etag?: string | null
): Promise<IAnswer<GroupList> | null> {
  const search = searchOf(query);
  search.set('by', query.by);
  query.metrics.forEach(name => search.append('metric', name));
  return client.getIfNew<GroupList>(`runs/groups?${search}`, etag);
}

export function listColumns(
  client: MlopsClient,
  experiment: string | null,
  words: string
): Promise<Columns> {
  const search = searchOf({ experiment });
  if (words) {
    search.set('words', words);
  }
  return client.get<Columns>(`runs/columns?${search}`);
}

export async function listSparklines(
  client: MlopsClient,
  runs: readonly string[],
  keys: readonly string[]
): Promise<readonly Sparkline[]> {
  const search = new URLSearchParams();
  runs.forEach(run => search.append('run', run));
  keys.forEach(key => search.append('key', key));
  return (await client.get<SparklineList>(`sparklines?${search}`)).sparklines;
}

/** A run's note as a whole, which a list may have shortened, and what to send with a changed one. */
export async function getNote(
  client: MlopsClient,
  id: string
): Promise<{ note: string; version: string }> {
  const path = `runs/${encodeURIComponent(id)}?summary=false`;
  const { run, note_version } = await client.get<RunDetail>(path);
  return { note: run.note, version: note_version };
}

export function changeRun(
  client: MlopsClient,
  id: string,
  changes: RunChanges
): Promise<RunDetail> {
  return client.send<RunDetail>('PATCH', `runs/${encodeURIComponent(id)}`, changes);
}

function searchOf(query: IRunQuery): URLSearchParams {
  const search = new URLSearchParams();
  if (query.experiment) {
    search.set('experiment', query.experiment);
  }
  if (query.filter) {
    search.set('filter', query.filter);
  }
  query.order?.forEach(one => search.append('order', one));
  return search;
}
