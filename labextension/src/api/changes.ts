import type { IAnswer, MlopsClient } from './client';
import type { components } from './schema';

type Schemas = components['schemas'];

export type TextDiff = Schemas['TextDiff'];
export type Hunk = Schemas['Hunk'];
export type DiffLine = Schemas['DiffLine'];
export type Shown = Schemas['Shown'];
export type OutputDiff = Schemas['OutputDiff'];
export type CellDiff = Schemas['CellDiff'];
export type NotebookDiff = Schemas['NotebookDiff'];
export type PackageDiff = Schemas['PackageDiff'];
export type CodeDiff = Schemas['CodeDiff'];
export type FileDiff = Schemas['FileDiff'];
export type DataDiff = Schemas['DataDiff'];
export type DataFile = Schemas['DataFile'];
export type DataChange = Schemas['DataChange'];

/** What two runs were made of, by the answer of each part. */
export interface IDiffs {
  notebook: NotebookDiff;
  packages: PackageDiff;
  code: CodeDiff;
  data: DataDiff;
}

export type Part = keyof IDiffs;

export const PARTS: readonly Part[] = ['notebook', 'packages', 'code', 'data'];

/** Where the second run differs from the first in one part; null when `etag` still holds. */
export function diffRuns<P extends Part>(
  client: MlopsClient,
  runs: readonly [string, string],
  part: P,
  etag?: string | null
): Promise<IAnswer<IDiffs[P]> | null> {
  const [before, after] = runs.map(encodeURIComponent);
  return client.getIfNew<IDiffs[P]>(`runs/${before}/diff/${after}/${part}`, etag);
}
