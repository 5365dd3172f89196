import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyJSONObject } from '@lumino/coreutils';
import type { ErrorSchema, RJSFSchema, UiSchema } from '@rjsf/utils';

import type { IProblem, JobSpec, NotebookInfo, ParameterInfo } from '../api/types';
import { fieldTexts } from './labels';
import { formatLines, parseDuration, parseLines, parseSize, Unreadable } from './text';

/** What the form holds; texts are read when it is sent. */
export interface IFormData {
  name?: string;
  parameters?: Record<string, unknown>;
  [field: string]: unknown;
}

/** Shown before "More options". */
export const BASIC = ['parameters', 'name'];

/** Order of the rest. Whatever else the server's schema has follows by itself. */
const ORDER = [
  'kernel',
  'timeout',
  'retries',
  'resources',
  'env',
  'experiment',
  'tags',
  'output_dir',
  'warm_start'
];

/** Given by the notebook, or by other fields of the form. */
const LEFT_OUT = new Set(['notebook', 'env_from', 'target']);

/** What another run of the same snapshot can change (`SpecChanges`). */
const CHANGEABLE = new Set(['name', 'parameters', 'env', 'retries', 'timeout']);

type Parser = (text: string, trans: TranslationBundle) => unknown;

interface ITextField {
  parse: Parser;
  /** An example, the same in every language. */
  example: string;
  lines?: boolean;
}

/** Fields that people write as text: dotted path → how it is read. */
const TEXT_FIELDS: Record<string, ITextField | undefined> = {
  timeout: { parse: parseDuration, example: '30m' },
  'resources.memory': { parse: parseSize, example: '4G' },
  env: { parse: parseLines, example: 'KEY=value', lines: true },
  tags: { parse: parseLines, example: 'key=value', lines: true }
};

/** The form of one notebook: the server's schema, with the notebook's own parameters. */
export function formSchema(
  jobSpec: RJSFSchema,
  info: NotebookInfo,
  trans: TranslationBundle,
  rerun = false
): { schema: RJSFSchema; uiSchema: UiSchema<ReadonlyJSONObject> } {
  const properties: Record<string, RJSFSchema> = {};
  const uiSchema: UiSchema<ReadonlyJSONObject> = {};
  const source = (jobSpec.properties ?? {}) as Record<string, RJSFSchema>;
  for (const [name, property] of Object.entries(source)) {
    if (rerun ? CHANGEABLE.has(name) : !LEFT_OUT.has(name)) {
      const [schema, ui] = field(name, plain(property, jobSpec), fieldTexts(trans));
      properties[name] = schema;
      uiSchema[name] = ui;
    }
  }
  if ('kernel' in properties && info.kernels.length) {
    properties.kernel = {
      ...properties.kernel,
      oneOf: [
        {
          const: '',
          title: info.kernel
            ? trans.__(
                "The notebook's own: %1",
                info.kernel.display_name || info.kernel.name
              )
            : trans.__('Choose a kernel')
        },
        ...info.kernels.map(kernel => ({
          const: kernel.name,
          title: kernel.display_name || kernel.name
        }))
      ]
    };
  }
  for (const name of ['name', 'experiment']) {
    if (name in properties) {
      uiSchema[name] = { 'ui:placeholder': stemOf(info.notebook) };
    }
  }
  const parameters = parameterFields(info.parameters, trans);
  properties.parameters = parameters.schema;
  uiSchema.parameters = parameters.uiSchema;
  uiSchema['ui:order'] = [...[...BASIC, ...ORDER].filter(name => name in properties), '*'];
  return { schema: { type: 'object', properties }, uiSchema };
}

/** What it starts with: the notebook's defaults, a job's values, or given ones. */
export function initialData(
  info: NotebookInfo,
  spec?: JobSpec,
  values?: Readonly<Record<string, unknown>>
): IFormData {
  const parameters: Record<string, unknown> = {};
  for (const parameter of info.parameters) {
    const given = spec?.parameters[parameter.name] ?? values?.[parameter.name];
    const value = given !== undefined ? given : parameter.default;
    if (given === undefined && !parameter.literal) {
      continue;
    }
    parameters[parameter.name] = isText(parameter) ? asJson(value) : (value ?? undefined);
  }
  const data: IFormData = spec ? { parameters } : { parameters, kernel: '' };
  if (spec) {
    const { name, retries } = spec;
    Object.assign(data, {
      name: name ?? undefined,
      retries,
      timeout: spec.timeout ? `${spec.timeout}s` : undefined,
      env: formatLines(spec.env, [])
    });
  }
  return data;
}

/**
 * A run's parameters as values for the form: MLflow keeps them as the texts that Python makes of
 * them. What can't be read back stays at the notebook's default.
 */
export function valuesOfRun(
  info: NotebookInfo,
  params: Readonly<Record<string, string>>
): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const { name, type } of info.parameters) {
    const text = params[name];
    const value = text === undefined ? undefined : ofPython(text, type);
    if (value !== undefined) {
      found[name] = value;
    }
  }
  return found;
}

/** The specification that the form stands for, or every problem of what was typed. */
export function toSpec(
  data: IFormData,
  info: NotebookInfo,
  trans: TranslationBundle,
  rerun = false
): { spec: Partial<JobSpec> & { notebook: string }; problems: IProblem[] } {
  const problems: IProblem[] = [];
  const read = (where: string, text: string, parse: Parser): unknown => {
    try {
      return parse(text, trans);
    } catch (error) {
      if (!(error instanceof Unreadable)) {
        throw error;
      }
      problems.push({ where, message: error.message });
      return undefined;
    }
  };
  const spec: Record<string, unknown> = { notebook: info.notebook };
  for (const [name, value] of Object.entries(data)) {
    if (name === 'parameters' || value === undefined || value === '') {
      continue;
    }
    if (name === 'env' || name === 'tags') {
      const { values, names } = (read(name, value as string, parseLines) ?? {
        values: {},
        names: []
      }) as ReturnType<typeof parseLines>;
      spec[name] = values;
      if (name === 'env') {
        spec.env_from = names;
      } else if (names.length) {
        problems.push({ where: name, message: trans.__('Write key=value.') });
      }
    } else if (name === 'resources') {
      const resources: Record<string, unknown> = {};
      for (const [key, amount] of Object.entries(value as object)) {
        if (amount !== undefined && amount !== '') {
          const text = TEXT_FIELDS[`resources.${key}`];
          resources[key] = text
            ? read(`resources.${key}`, String(amount), text.parse)
            : amount;
        }
      }
      spec.resources = resources;
    } else {
      const text = TEXT_FIELDS[name];
      spec[name] = text ? read(name, value as string, text.parse) : value;
    }
  }
  const parameters: Record<string, unknown> = {};
  for (const parameter of info.parameters) {
    const typed = data.parameters?.[parameter.name];
    if (typed === undefined) {
      continue;
    }
    const where = `parameters.${parameter.name}`;
    const value = isText(parameter)
      ? readJson(typed as string, where, problems, trans)
      : typed;
    // A rerun is merged over the job's own values, so a return to the default must be said.
    if (
      value !== undefined &&
      (rerun || !parameter.literal || asJson(value) !== asJson(parameter.default))
    ) {
      parameters[parameter.name] = value;
    }
  }
  spec.parameters = parameters;
  return { spec: spec as Partial<JobSpec> & { notebook: string }, problems };
}

/** Problems beside their fields; those of no field are returned as well. */
export function toErrors(
  problems: readonly IProblem[],
  schema: RJSFSchema
): { errors: ErrorSchema; others: IProblem[] } {
  const errors: Record<string, unknown> = {};
  const others: IProblem[] = [];
  for (const problem of problems) {
    const path = problem.where.replace(/^(body\.)?(spec\.)?/, '').split('.');
    let at: Record<string, unknown> = errors;
    let place: RJSFSchema = schema;
    const found: string[] = [];
    for (const key of path) {
      const fields = place.properties as Record<string, RJSFSchema> | undefined;
      const next: RJSFSchema | undefined = fields?.[key];
      if (!next) {
        break;
      }
      place = next;
      found.push(key);
    }
    if (!found.length || place.type === 'object') {
      others.push(problem);
      continue;
    }
    for (const key of found) {
      at = (at[key] ??= {}) as Record<string, unknown>;
    }
    (at.__errors ??= []) as string[];
    (at.__errors as string[]).push(problem.message);
  }
  return { errors: errors as ErrorSchema, others };
}

function parameterFields(
  parameters: readonly ParameterInfo[],
  trans: TranslationBundle
): { schema: RJSFSchema; uiSchema: UiSchema } {
  const types = {
    int: 'integer',
    float: 'number',
    bool: 'boolean',
    str: 'string'
  } as const;
  const properties: Record<string, RJSFSchema> = {};
  const uiSchema: UiSchema = {};
  for (const parameter of parameters) {
    const { name, type, help } = parameter;
    const known = types[type as keyof typeof types];
    // Whoever gives 0.5 for `lr = 1` means it; only an annotation makes it a whole number.
    const inferred = known === 'integer' && !parameter.annotated;
    const label = known ? type : type === 'unknown' || type === 'none' ? 'JSON' : type;
    properties[name] = {
      type: inferred ? 'number' : (known ?? 'string'),
      title: name,
      description: [label, help].filter(Boolean).join(' · ')
    };
    uiSchema[name] = parameter.literal
      ? {}
      : { 'ui:placeholder': trans.__('default: %1', parameter.default_source) };
  }
  return {
    schema: { type: 'object', title: trans.__('Parameters'), properties },
    uiSchema
  };
}

/** One field of the server's schema as the form shows it. */
function field(
  path: string,
  source: RJSFSchema,
  texts: ReturnType<typeof fieldTexts>
): [RJSFSchema, UiSchema] {
  const schema = { ...source, ...texts[path] };
  const text = TEXT_FIELDS[path];
  if (text) {
    return [
      { type: 'string', title: schema.title, description: schema.description },
      {
        'ui:placeholder': text.example,
        ...(text.lines ? { 'ui:widget': 'textarea', 'ui:options': { rows: 2 } } : {})
      }
    ];
  }
  if (schema.type === 'object' && schema.properties) {
    const properties: Record<string, RJSFSchema> = {};
    const ui: UiSchema = {};
    for (const [name, child] of Object.entries(schema.properties)) {
      [properties[name], ui[name]] = field(`${path}.${name}`, child as RJSFSchema, texts);
    }
    return [{ type: 'object', title: schema.title, properties }, ui];
  }
  return [schema, {}];
}

/** Without references and "or null": a form leaves a field empty instead. */
function plain(schema: RJSFSchema, root: RJSFSchema): RJSFSchema {
  if (schema.$ref) {
    const name = schema.$ref.slice(schema.$ref.lastIndexOf('/') + 1);
    const target = (root.$defs as Record<string, RJSFSchema>)[name];
    return plain({ ...target, ...without(schema, '$ref') }, root);
  }
  if (schema.anyOf) {
    const real = (schema.anyOf as RJSFSchema[]).find(option => option.type !== 'null');
    return plain({ ...real, ...without(schema, 'anyOf', 'default') }, root);
  }
  if (schema.properties) {
    const properties: Record<string, RJSFSchema> = {};
    for (const [name, child] of Object.entries(schema.properties)) {
      properties[name] = plain(child as RJSFSchema, root);
    }
    return { ...schema, properties };
  }
  return schema;
}

function without(schema: RJSFSchema, ...keys: string[]): RJSFSchema {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => !keys.includes(key)));
}

function ofPython(text: string, type: ParameterInfo['type']): unknown {
  switch (type) {
    case 'str':
      return text;
    case 'bool':
      return { True: true, False: false }[text];
    case 'int':
    case 'float': {
      const number = Number(text);
      return text.trim() === '' || !Number.isFinite(number) ? undefined : number;
    }
    default:
      try {
        return JSON.parse(text) as unknown;
      } catch {
        return undefined; // Python's notation isn't JSON's
      }
  }
}

function isText(parameter: ParameterInfo): boolean {
  return !['int', 'float', 'bool', 'str'].includes(parameter.type);
}

function asJson(value: unknown): string {
  return JSON.stringify(value ?? null);
}

function readJson(
  text: string,
  where: string,
  problems: IProblem[],
  trans: TranslationBundle
): unknown {
  if (!text.trim()) {
    return undefined;
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    problems.push({
      where,
      message: trans.__('Not JSON: %1', (error as SyntaxError).message)
    });
    return undefined;
  }
}

function stemOf(path: string): string {
  return (path.split('/').pop() ?? path).replace(/\.ipynb$/, '');
}
