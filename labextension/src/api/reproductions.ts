import type { MlopsClient } from './client';
import type { components } from './schema';

type Schemas = components['schemas'];

export type Reproduction = Schemas['Reproduction'];
export type Outcome = Schemas['Outcome'];
export type Stage = Schemas['Stage'];
export type StageName = Schemas['StageName'];

/** Begin to reproduce a run: a job of its own, which compares the results at its end. */
export async function reproduceRun(
  client: MlopsClient,
  run: string
): Promise<Reproduction> {
  return client.send('POST', `runs/${encodeURIComponent(run)}/reproductions`, {});
}

/** Reproductions of a run, newest first. */
export async function listReproductions(
  client: MlopsClient,
  run: string
): Promise<readonly Reproduction[]> {
  const path = `runs/${encodeURIComponent(run)}/reproductions`;
  return (await client.get<Schemas['ReproductionList']>(path)).reproductions;
}

/** One reproduction as it is now. */
export async function readReproduction(
  client: MlopsClient,
  id: string
): Promise<Reproduction> {
  return client.get(`reproductions/${encodeURIComponent(id)}`);
}

/** Ask for the end of a reproduction and of its job. */
export async function cancelReproduction(
  client: MlopsClient,
  id: string
): Promise<Reproduction> {
  return client.send('POST', `reproductions/${encodeURIComponent(id)}/cancel`, {});
}
