/**
 * What was recorded of a run without anybody asking (`mlops/facts.json` among its artifacts), read
 * with care: whoever logs artifacts may have written anything there.
 */

export const FACTS = 'mlops/facts.json';
export const REQUIREMENTS = 'mlops/requirements.txt';
export const DIFF = 'mlops/code.diff';
export const DATASETS = 'mlops/datasets.json';
export const TRACEBACK = 'mlops/traceback.txt';

/** One thing that keeps the run from being reproduced, and what would mend it. */
export interface ILack {
  readonly code: string;
  readonly what: string;
  readonly mend: string;
}

export interface ICellFacts {
  /** Among the code cells, from 0. */
  readonly index: number;
  readonly hash: string;
  /** Execution count of its last execution; null: it never ran. */
  readonly count: number | null;
  readonly runs: number;
  readonly edited: boolean;
  readonly outOfOrder: boolean;
}

export interface IFileFacts {
  readonly path: string;
  readonly size: number | null;
  readonly sha256: string;
  /** Who has its content: git. */
  readonly versioned: string;
  /** Why there is no hash. */
  readonly note: string;
}

export interface ICodeFacts {
  readonly commit: string;
  readonly branch: string;
  readonly remote: string;
  readonly changed: readonly string[];
  readonly untracked: readonly string[];
  readonly submodules: readonly string[];
  readonly changedSinceSubmit: readonly string[];
  readonly hasDiff: boolean;
  readonly note: string;
}

export interface IFacts {
  readonly notebook: string;
  readonly cells: readonly ICellFacts[];
  /** Executions of what stands in the notebook no more. */
  readonly elsewhere: number;
  readonly code: ICodeFacts | null;
  readonly python: string;
  readonly packages: number | null;
  readonly localPackages: readonly string[];
  readonly files: readonly IFileFacts[];
  /** Files beyond those. */
  readonly moreFiles: number;
  /** Whether the files that it read were recorded at all. */
  readonly filesKnown: boolean;
  readonly seeds: readonly string[];
  readonly unseeded: readonly string[];
  /** Name and value, in the order in which they are shown. */
  readonly machine: readonly (readonly [MachineFact, string])[];
  readonly variables: readonly (readonly [string, string])[];
  readonly argv: readonly string[];
  readonly lacks: readonly ILack[];
  /** Null: it can't be told. */
  readonly reproducible: boolean | null;
}

export type MachineFact =
  'system' | 'cpu' | 'cpus' | 'memory' | 'gpu' | 'cuda' | 'driver' | 'blas';

type Json = Record<string, unknown>;

/** Read the document; null when it is none. */
export function readFacts(text: string): IFacts | null {
  let told: unknown;
  try {
    told = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(told)) {
    return null;
  }
  const history = record(told.history);
  const datasets = told.datasets;
  const code = told.code;
  return {
    notebook: string(record(told.notebook).path),
    cells: records(history.cells).map(readCell),
    elsewhere: number(history.elsewhere) ?? 0,
    code: isRecord(code) ? readCode(code) : null,
    python: readPython(record(told.python)),
    packages: number(record(told.packages).count),
    localPackages: records(told.local_packages)
      .filter(one => one.used !== false)
      .map(one => `${string(one.name)} ${string(one.version)}`.trim()),
    files: records(record(datasets).files).map(readFile),
    moreFiles: number(record(datasets).more) ?? 0,
    filesKnown: isRecord(datasets),
    seeds: records(record(told.seeds).calls)
      .filter(one => one.seed !== null && one.seed !== undefined)
      .map(one => `${string(one.function)}(${plain(one.seed)})`),
    unseeded: [
      ...texts(record(told.seeds).drawn),
      ...records(record(told.seeds).calls)
        .filter(one => one.seed === null || one.seed === undefined)
        .map(one => `${string(one.function)}()`)
    ],
    machine: readMachine(record(told.machine), told.blas),
    variables: Object.entries(record(told.variables)).map(
      ([name, value]) => [name, plain(value)] as const
    ),
    argv: texts(told.argv),
    lacks: records(told.lacks).map(one => ({
      code: string(one.code),
      what: string(one.what),
      mend: string(one.mend)
    })),
    reproducible: typeof told.reproducible === 'boolean' ? told.reproducible : null
  };
}

/** The files of `mlops/datasets.json`, which has all that a run read. */
export function readFiles(text: string): readonly IFileFacts[] {
  try {
    return records(record(JSON.parse(text)).files).map(readFile);
  } catch {
    return [];
  }
}

/** Names and versions of a requirements file; what isn't from an index has its line as version. */
export function readRequirements(text: string): readonly (readonly [string, string])[] {
  const found: (readonly [string, string])[] = [];
  for (const raw of text.split('\n')) {
    const line = raw.replace(/\\$/, '').trim();
    const match = /^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*(?:==\s*([^\s;]+)|(@\s*.+))/.exec(
      line
    );
    if (match) {
      found.push([match[1], match[2] ?? match[3]]);
    }
  }
  return found;
}

function readCell(one: Json): ICellFacts {
  return {
    index: number(one.index) ?? 0,
    hash: string(one.hash),
    count: number(one.count),
    runs: number(one.runs) ?? 0,
    edited: one.edited === true,
    outOfOrder: one.out_of_order === true
  };
}

function readCode(code: Json): ICodeFacts {
  return {
    commit: string(code.commit),
    branch: string(code.branch),
    remote: string(code.remote),
    changed: texts(code.changed),
    untracked: texts(code.untracked),
    submodules: records(code.submodules).map(
      one => `${string(one.path)} (${string(one.state)})`
    ),
    changedSinceSubmit: texts(code.changed_since_submit),
    hasDiff: typeof code.diff === 'string',
    note: string(code.note)
  };
}

function readPython(python: Json): string {
  return [string(python.implementation), string(python.version)].filter(Boolean).join(' ');
}

function readFile(one: Json): IFileFacts {
  return {
    path: string(one.path),
    size: number(one.size),
    sha256: string(one.sha256),
    versioned: string(one.versioned),
    note: string(one.note)
  };
}

function readMachine(machine: Json, blas: unknown): (readonly [MachineFact, string])[] {
  const found: (readonly [MachineFact, string])[] = [];
  const add = (name: MachineFact, value: string) => {
    if (value) {
      found.push([name, value]);
    }
  };
  add('system', string(machine.system));
  add('cpu', string(machine.cpu));
  add('cpus', plain(machine.cpus));
  add('memory', plain(machine.memory));
  for (const gpu of records(machine.gpus)) {
    add('gpu', string(gpu.name));
  }
  add('driver', plain(machine.driver));
  add('cuda', plain(machine.cuda));
  for (const one of records(blas)) {
    add(
      'blas',
      [one.internal_api, one.version, one.architecture].map(plain).filter(Boolean).join(' ')
    );
  }
  return found;
}

function isRecord(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function record(value: unknown): Json {
  return isRecord(value) ? value : {};
}

function records(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter(one => typeof one === 'string') : [];
}

function string(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function number(value: unknown): number | null {
  return typeof value === 'number' ? value : null;
}

/** A value of any type as text. */
function plain(value: unknown): string {
  if (value === null || value === undefined) {
    return '';
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}
