import { readFileSync } from 'fs';
import { join } from 'path';

import type { Mlops } from './support';
import { code, expect } from './support';

const SEED = readFileSync(join(__dirname, '../seed_runs.py'), 'utf-8');

/** Seeds 10,000 runs × 20 metrics, by a job, where the daemon keeps its runs; once for all tests. */
export async function seeded(mlops: Mlops): Promise<string> {
  const name = 'digits';
  const known = await experimentId(mlops, name);
  if (known) {
    return known;
  }
  const path = await mlops.notebook('seed.ipynb', [code(SEED)]);
  const job = await mlops.submit(path, { timeout: 600 });
  await expect
    .poll(async () => (await mlops.job(job.id)).state, { timeout: 600_000 })
    .toBe('succeeded');
  return (await experimentId(mlops, name)) ?? '';
}

async function experimentId(mlops: Mlops, name: string): Promise<string | undefined> {
  const { experiments } = await mlops.get<{ experiments: { id: string; name: string }[] }>(
    `experiments?words=${name}`
  );
  return experiments.find(one => one.name === name)?.id;
}
