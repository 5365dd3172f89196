import type { MlopsClient } from './client';
import type { ArtifactList } from './types';

/** What a directory of a run's artifacts holds; the root's path is empty. */
export async function listArtifacts(
  client: MlopsClient,
  run: string,
  path: string
): Promise<ArtifactList> {
  const search = new URLSearchParams({ path });
  const there = `runs/${encodeURIComponent(run)}/artifacts?${search}`;
  const answer = await client.getIfNew<ArtifactList>(there);
  return answer ? answer.value : { path, artifacts: [], cut: false };
}

/** Where the browser finds an artifact (downloads). */
export function artifactUrl(client: MlopsClient, run: string, path: string): string {
  return client.url(contentPath(run, path));
}

/** An artifact's content, or only its beginning of `limit` bytes. */
export async function artifactBytes(
  client: MlopsClient,
  run: string,
  path: string,
  limit?: number
): Promise<Uint8Array> {
  return new Uint8Array(await client.bytes(contentPath(run, path, limit)));
}

/** The same as text; what a limit cuts in two at the end is left out. */
export async function artifactText(
  client: MlopsClient,
  run: string,
  path: string,
  limit?: number
): Promise<string> {
  const bytes = await artifactBytes(client, run, path, limit);
  return new TextDecoder().decode(bytes, { stream: bytes.length === limit });
}

function contentPath(run: string, path: string, limit?: number): string {
  const search = new URLSearchParams({ path });
  if (limit !== undefined) {
    search.set('limit', String(limit));
  }
  return `runs/${encodeURIComponent(run)}/artifacts/content?${search}`;
}
