import type { TranslationBundle } from '@jupyterlab/translation';
import type { ReadonlyJSONObject } from '@lumino/coreutils';
import type { ErrorSchema, RJSFSchema, UiSchema } from '@rjsf/utils';

import type { IProblem, JobSpec, NotebookInfo, ParameterInfo } from '../api/types';
import {
  formatLines,
  parseDuration,
  parseLines,
  parseSize,
  Unreadable
} from './text';

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

type Parser = (text: string, trans: TranslationBundle) => unknown;

/** Fields that people write as text: dotted path → how it is read. */
const TEXT_FIELDS: Record<string, { parse: Parser; placeholder: string; lines?: boolean }> = {
  timeout: { parse: parseDuration, placeholder: '30m' },
  'resources.memory': { parse: parseSize, placeholder: '4G' },
  env: { parse: parseLines, placeholder: 'KEY=value', lines: true },
  tags: { parse: parseLines, placeholder: 'key=value', lines: true }
};

/** The form of one notebook: the server's schema, with the notebook's own parameters. */
export function formSchema(
  jobSpec: RJSFSchema,
  info: NotebookInfo,
  trans: TranslationBundle
): { schema: RJSFSchema; uiSchema: UiSchema<ReadonlyJSONObject> } {
  const properties: Record<string, RJSFSchema> = {};
  const uiSchema: UiSchema<ReadonlyJSONObject> = { 'ui:order': [...BASIC, ...ORDER, '*'] };
  const source = (jobSpec.properties ?? {}) as Record<string, RJSFSchema>;
  for (const [name, property] of Object.entries(source)) {
    if (!LEFT_OUT.has(name)) {
      const [schema, ui] = field(name, plain(property, jobSpec));
      properties[name] = schema;
      uiSchema[name] = ui;
    }
  }
  if (properties.kernel && info.kernels.length) {
    properties.kernel = {
      ...properties.kernel,
      oneOf: [
        {
          const: '',
          title: info.kernel
            ? trans.__("The notebook's own: %1", info.kernel.display_name || info.kernel.name)
            : trans.__('Choose a kernel')
        },
        ...info.kernels.map(kernel => ({
          const: kernel.name,
          title: kernel.display_name || kernel.name
        }))
      ]
    };
  }
  if (properties.name) {
    uiSchema.name = { ...uiSchema.name, 'ui:placeholder': stemOf(info.notebook) };
  }
  if (properties.experiment) {
    uiSchema.experiment = { ...uiSchema.experiment, 'ui:placeholder': stemOf(info.notebook) };
  }
  const parameters = parameterFields(info.parameters, trans);
  properties.parameters = parameters.schema;
  uiSchema.parameters = parameters.uiSchema;
  uiSchema['ui:order'] = [
    ...BASIC,
    ...ORDER.filter(name => name in properties),
    '*'
  ].filter(name => name === '*' || name in properties);
  return { schema: { type: 'object', properties }, uiSchema };
}

/** What it starts with: the notebook's defaults, or a job's values. */
export function initialData(info: NotebookInfo, spec?: JobSpec): IFormData {
  const parameters: Record<string, unknown> = {};
  for (const parameter of info.parameters) {
    const given = spec?.parameters?.[parameter.name];
    const value = given !== undefined ? given : parameter.default;
    if (given === undefined && !parameter.literal) {
      continue;
    }
    parameters[parameter.name] = isText(parameter)
      ? asJson(value)
      : (value ?? undefined);
  }
  const data: IFormData = { parameters, kernel: '' };
  if (spec) {
    const { name, retries, experiment, warm_start, output_dir } = spec;
    Object.assign(data, {
      name: name ?? undefined,
      retries,
      experiment: experiment ?? undefined,
      warm_start,
      output_dir: output_dir ?? undefined,
      kernel: spec.kernel ?? '',
      timeout: spec.timeout ? `${spec.timeout}s` : undefined,
      env: formatLines(spec.env ?? {}, spec.env_from ?? []),
      tags: formatLines(spec.tags ?? {}, []),
      resources: {
        cpus: spec.resources?.cpus,
        gpus: spec.resources?.gpus,
        memory: spec.resources?.memory ? `${spec.resources.memory}` : undefined
      }
    });
  }
  return data;
}

/** The specification that the form stands for, or every problem of what was typed. */
export function toSpec(
  data: IFormData,
  info: NotebookInfo,
  trans: TranslationBundle
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
      const { values, names } = (read(name, String(value), parseLines) ?? {
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
      spec[name] = text ? read(name, String(value), text.parse) : value;
    }
  }
  const parameters: Record<string, unknown> = {};
  for (const parameter of info.parameters) {
    const typed = data.parameters?.[parameter.name];
    if (typed === undefined) {
      continue;
    }
    const where = `parameters.${parameter.name}`;
    const value = isText(parameter) ? readJson(String(typed), where, problems, trans) : typed;
    if (
      value !== undefined &&
      (!parameter.literal || asJson(value) !== asJson(parameter.default))
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
  const types = { int: 'integer', float: 'number', bool: 'boolean', str: 'string' } as const;
  const properties: Record<string, RJSFSchema> = {};
  const uiSchema: UiSchema = {};
  for (const parameter of parameters) {
    const { name, type, help } = parameter;
    const known = types[type as keyof typeof types];
    const label = known ? type : type === 'unknown' || type === 'none' ? 'JSON' : type;
    properties[name] = {
      type: known ?? 'string',
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
function field(path: string, schema: RJSFSchema): [RJSFSchema, UiSchema] {
  const text = TEXT_FIELDS[path];
  if (text) {
    return [
      { type: 'string', title: schema.title, description: schema.description },
      {
        'ui:placeholder': text.placeholder,
        ...(text.lines ? { 'ui:widget': 'textarea', 'ui:options': { rows: 2 } } : {})
      }
    ];
  }
  if (schema.type === 'object' && schema.properties) {
    const properties: Record<string, RJSFSchema> = {};
    const ui: UiSchema = {};
    for (const [name, child] of Object.entries(schema.properties)) {
      [properties[name], ui[name]] = field(`${path}.${name}`, child as RJSFSchema);
    }
    return [{ type: 'object', title: schema.title, properties }, ui];
  }
  return [schema, {}];
}

/** Without references and "or null": a form leaves a field empty instead. */
function plain(schema: RJSFSchema, root: RJSFSchema): RJSFSchema {
  if (schema.$ref) {
    const name = schema.$ref.split('/').pop() as string;
    const target = (root.$defs as Record<string, RJSFSchema>)[name];
    const { $ref, ...own } = schema;
    return plain({ ...target, ...own }, root);
  }
  if (schema.anyOf) {
    const real = (schema.anyOf as RJSFSchema[]).find(option => option.type !== 'null');
    const { anyOf, default: _default, ...own } = schema;
    return plain({ ...real, ...own }, root);
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
