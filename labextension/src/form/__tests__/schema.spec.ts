/* eslint-disable jupyter/no-untranslated-string -- the server's words */
import { nullTranslator } from '@jupyterlab/translation';
import type { RJSFSchema, UiSchema } from '@rjsf/utils';

import type { JobSpec, NotebookInfo } from '../../api/types';
import { formSchema, initialData, toErrors, toSpec } from '../schema';
import { parseDuration, parseLines, parseSize, Unreadable } from '../text';

const trans = nullTranslator.load('jupyter_mlops');

const JOB_SPEC: RJSFSchema = {
  type: 'object',
  $defs: {
    Resources: {
      type: 'object',
      properties: {
        cpus: { type: 'number', default: 1, title: 'CPUs' },
        memory: { anyOf: [{ type: 'integer' }, { type: 'null' }], default: null }
      }
    }
  },
  properties: {
    notebook: { type: 'string' },
    name: { anyOf: [{ type: 'string', maxLength: 9 }, { type: 'null' }], title: 'Name' },
    parameters: { type: 'object' },
    env: { type: 'object' },
    retries: { type: 'integer', minimum: 0, default: 0 },
    timeout: { anyOf: [{ type: 'number' }, { type: 'null' }], default: null },
    resources: { $ref: '#/$defs/Resources' },
    new_field: { type: 'string', title: 'Something of a newer server' }
  }
};

const INFO = {
  notebook: 'folder/train.ipynb',
  kernel: { name: 'python3', display_name: 'Python 3', language: 'python' },
  kernels: [{ name: 'python3', display_name: 'Python 3', language: 'python' }],
  cells: 3,
  problems: [],
  warnings: [],
  parameters: [
    {
      name: 'lr',
      type: 'float',
      default: 0.1,
      default_source: '0.1',
      literal: true,
      help: 'Rate',
      annotated: false
    },
    {
      name: 'epochs',
      type: 'int',
      default: 1,
      default_source: '1',
      literal: true,
      help: '',
      annotated: false
    },
    {
      name: 'folds',
      type: 'int',
      default: 5,
      default_source: '5',
      literal: true,
      help: '',
      annotated: true
    },
    {
      name: 'layers',
      type: 'list',
      default: [64],
      default_source: '[64]',
      literal: true,
      help: '',
      annotated: false
    },
    {
      name: 'seed',
      type: 'unknown',
      default: null,
      default_source: 'f()',
      literal: false,
      help: '',
      annotated: false
    }
  ]
} as NotebookInfo;

describe('formSchema', () => {
  it('types the parameters and takes every field that the server has', () => {
    const { schema, uiSchema } = formSchema(JOB_SPEC, INFO, trans);
    const fields = schema.properties as Record<string, RJSFSchema>;
    expect(fields.notebook).toBeUndefined();
    expect(fields.new_field.title).toBe('Something of a newer server');
    expect(fields.name).toMatchObject({ type: 'string', maxLength: 9 });
    const parameters = fields.parameters.properties as Record<string, RJSFSchema>;
    expect(parameters.lr).toMatchObject({ type: 'number', description: 'float · Rate' });
    // As the command line has it: a whole number only where the notebook says so.
    expect(parameters.epochs).toMatchObject({ type: 'number', description: 'int' });
    expect(parameters.folds).toMatchObject({ type: 'integer', description: 'int' });
    expect(parameters.layers.type).toBe('string');
    const ui = uiSchema.parameters as UiSchema;
    expect((ui.seed as UiSchema)['ui:placeholder']).toContain('f()');
  });

  it('offers for a rerun only what a rerun can change', () => {
    const { schema } = formSchema(JOB_SPEC, INFO, trans, true);
    expect(Object.keys(schema.properties ?? {}).sort()).toEqual([
      'env',
      'name',
      'parameters',
      'retries',
      'timeout'
    ]);
  });
});

describe('toSpec', () => {
  it('sends only what differs from the defaults of the notebook', () => {
    const data = initialData(INFO);
    expect(toSpec(data, INFO, trans)).toEqual({
      spec: { notebook: 'folder/train.ipynb', parameters: {} },
      problems: []
    });
    data.parameters = { ...data.parameters, lr: 0.5, layers: '[64, 32]', seed: '7' };
    expect(toSpec(data, INFO, trans).spec.parameters).toEqual({
      lr: 0.5,
      layers: [64, 32],
      seed: 7
    });
  });

  it('says for a rerun that a value went back to its default', () => {
    const spec = { parameters: { lr: 0.5 }, env: {}, retries: 0 } as unknown as JobSpec;
    const data = initialData(INFO, spec);
    expect(data.parameters?.lr).toBe(0.5);
    data.parameters = { ...data.parameters, lr: 0.1 };
    expect(toSpec(data, INFO, trans, true).spec.parameters).toMatchObject({ lr: 0.1 });
  });

  it('names every unreadable field at once', () => {
    const { problems } = toSpec(
      {
        parameters: { layers: '[64' },
        timeout: 'soon',
        resources: { memory: 'much' },
        env: '=x'
      },
      INFO,
      trans
    );
    expect(problems.map(problem => problem.where).sort()).toEqual([
      'env',
      'parameters.layers',
      'resources.memory',
      'timeout'
    ]);
  });

  it('reads times, sizes, variables and names taken over', () => {
    const { spec } = toSpec(
      { timeout: '1h 30m', resources: { cpus: 2, memory: '4G' }, env: 'A=b=c\nTOKEN' },
      INFO,
      trans
    );
    expect(spec).toMatchObject({
      timeout: 5400,
      resources: { cpus: 2, memory: 4 * 2 ** 30 },
      env: { A: 'b=c' },
      env_from: ['TOKEN']
    });
  });
});

describe('toErrors', () => {
  it('puts problems beside their fields and keeps the others', () => {
    const { schema } = formSchema(JOB_SPEC, INFO, trans);
    const { errors, others } = toErrors(
      [
        { where: 'spec.parameters.lr', message: 'must be a number' },
        { where: 'spec.retries', message: 'too many' },
        { where: 'spec.notebook', message: 'is gone' },
        { where: '', message: 'odd' }
      ],
      schema
    );
    expect(errors).toEqual({
      parameters: { lr: { __errors: ['must be a number'] } },
      retries: { __errors: ['too many'] }
    });
    expect(others.map(problem => problem.message)).toEqual(['is gone', 'odd']);
  });
});

describe('text', () => {
  it.each([
    ['90', 90],
    ['1.5h', 5400],
    ['2d', 172_800]
  ])('reads the time %s', (text, seconds) =>
    expect(parseDuration(text, trans)).toBe(seconds)
  );

  it.each(['', 'x', '1y', '1h x', '-3m'])('refuses the time %j', text =>
    expect(() => parseDuration(text, trans)).toThrow(Unreadable)
  );

  it.each([
    ['512M', 512 * 2 ** 20],
    ['1.5 GiB', 1.5 * 2 ** 30],
    ['10', 10]
  ])('reads the size %s', (text, bytes) => expect(parseSize(text, trans)).toBe(bytes));

  it('keeps spaces and signs in values', () =>
    expect(parseLines('A= b \n\nC', trans)).toEqual({
      values: { A: ' b ' },
      names: ['C']
    }));
});
