import type { IAnswer, MlopsClient } from './client';
import type { components } from './schema';

type Schemas = components['schemas'];

export type Experiment = Schemas['Experiment'];
export type ExperimentList = Schemas['ExperimentList'];
export type ExperimentChanges = Partial<Schemas['ExperimentChanges']>;

export interface IExperimentQuery {
  /** Of their names or notes. */
  words?: string;
  limit?: number;
  cursor?: string;
}

/** Favourites first, then by last activity; null when nothing is new since `etag`. */
export function listExperiments(
  client: MlopsClient,
  query: IExperimentQuery = {},
  etag?: string | null
): Promise<IAnswer<ExperimentList> | null> {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== '') {
      search.set(name, String(value));
    }
  }
  return client.getIfNew<ExperimentList>(`experiments?${search}`, etag);
}

export function getExperiment(client: MlopsClient, id: string): Promise<Experiment> {
  return client.get<Experiment>(`experiments/${encodeURIComponent(id)}`);
}

export function changeExperiment(
  client: MlopsClient,
  id: string,
  changes: ExperimentChanges
): Promise<Experiment> {
  return client.send<Experiment>('PATCH', `experiments/${encodeURIComponent(id)}`, changes);
}
