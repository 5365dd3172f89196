import { readFacts, readFiles, readRequirements } from '../facts';

/** As the daemon writes it, shortened. */
const TOLD = {
  notebook: { path: '/w/train.ipynb' },
  code: { commit: 'abc', changed: ['nets.py'], diff: 'code.diff', submodules: [] },
  python: { implementation: 'CPython', version: '3.11.7' },
  packages: { count: 239 },
  local_packages: [
    { name: 'mine', version: '1', used: true },
    { name: 'unused', version: '1', used: false }
  ],
  seeds: {
    calls: [
      { function: 'random.seed', seed: 0 },
      { function: 'numpy.random.default_rng', seed: null }
    ],
    drawn: ['random']
  },
  history: {
    cells: [{ index: 0, hash: 'h', count: 3, runs: 2, edited: true, out_of_order: false }],
    elsewhere: 1
  },
  machine: { system: 'Linux', cpus: 2, memory: 1000, gpus: [{ name: 'A100' }] },
  datasets: {
    files: [{ path: '/w/a.csv', size: 8, sha256: 's', versioned: 'git' }],
    more: 2
  },
  lacks: [{ code: 'no_seed', what: 'w', mend: 'm' }],
  reproducible: false
};

it('what was recorded is read', () => {
  const facts = readFacts(JSON.stringify(TOLD));
  expect(facts).toMatchObject({
    notebook: '/w/train.ipynb',
    python: 'CPython 3.11.7',
    packages: 239,
    localPackages: ['mine 1'],
    seeds: ['random.seed(0)'],
    unseeded: ['random', 'numpy.random.default_rng()'],
    elsewhere: 1,
    moreFiles: 2,
    filesKnown: true,
    reproducible: false
  });
  expect(facts?.code?.hasDiff).toBe(true);
  expect(facts?.cells[0]).toMatchObject({ count: 3, edited: true, outOfOrder: false });
  expect(facts?.machine).toContainEqual(['gpu', 'A100']);
  expect(facts?.files[0].versioned).toBe('git');
});

it.each(['', 'no JSON', '[]', '7', 'null'])('%j is no record', text => {
  expect(readFacts(text)).toBeNull();
});

it('whatever else stands there is left out', () => {
  const odd = Object.fromEntries(Object.keys(TOLD).map(key => [key, 7]));
  expect(readFacts(JSON.stringify(odd))).toMatchObject({
    notebook: '',
    cells: [],
    code: null,
    files: [],
    filesKnown: false,
    lacks: [],
    reproducible: null
  });
  expect(readFacts('{"history": {"cells": [null, 3]}, "lacks": {"a": 1}}')?.cells).toEqual(
    []
  );
  expect(readFiles('no JSON')).toEqual([]);
});

it('packages are read from a requirements file', () => {
  const text =
    '# made by us\nnumpy==2.1 \\\n    --hash=sha256:00\nmine @ file:///w\n-e ./here\nx[y]==1 ; python';
  expect(readRequirements(text)).toEqual([
    ['numpy', '2.1'],
    ['mine', '@ file:///w'],
    ['x', '1']
  ]);
});
