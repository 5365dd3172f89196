import type { TranslationBundle } from '@jupyterlab/translation';
import { FormComponent } from '@jupyterlab/ui-components';
import type { ReadonlyJSONObject } from '@lumino/coreutils';
import type {
  ErrorSchema,
  FieldTemplateProps,
  ObjectFieldTemplateProps,
  RJSFSchema,
  UiSchema,
  WidgetProps
} from '@rjsf/utils';
// eslint-disable-next-line jupyter/prefer-lazy-imports -- this module is loaded by import() only
import { customizeValidator } from '@rjsf/validator-ajv8';
import * as React from 'react';

import type { IProblem, NotebookInfo } from '../api/types';
import type { IFormData } from '../form/schema';
import { BASIC } from '../form/schema';

/** Fields' ids are this and their dotted path. */
export const FORM_ID = 'jp-mlops-form';

const validator = customizeValidator<ReadonlyJSONObject>();

export interface IJobFormProps {
  info: NotebookInfo;
  schema: RJSFSchema;
  uiSchema: UiSchema<ReadonlyJSONObject>;
  data: IFormData;
  errors: ErrorSchema;
  /** Problems that belong to no field. */
  others: readonly IProblem[];
  busy: boolean;
  onChange: (data: IFormData) => void;
  onSubmit: () => void;
  trans: TranslationBundle;
}

/** The form of a job; what is wrong stands beside its field, all at once. */
export function JobForm(props: IJobFormProps): React.JSX.Element {
  const { info, trans } = props;
  const templates = React.useMemo(
    () => ({ FieldTemplate: Field, ObjectFieldTemplate: objectTemplate(trans) }),
    [trans]
  );
  return (
    <div className="jp-mlops-form" aria-busy={props.busy}>
      {props.others.length > 0 && (
        <div className="jp-mlops-notice jp-mod-error" role="alert" tabIndex={-1}>
          {props.others.map((problem, index) => (
            <div key={index}>{problem.message}</div>
          ))}
        </div>
      )}
      {info.warnings.map((warning, index) => (
        <div key={index} className="jp-mlops-notice">
          {warning}
        </div>
      ))}
      {info.parameters.length === 0 && (
        <p className="jp-mlops-form-hint">
          {trans.__(
            'This notebook declares no parameters. Give a cell the tag "parameters", and its variables appear here.'
          )}
        </p>
      )}
      <FormComponent
        schema={props.schema}
        uiSchema={props.uiSchema}
        validator={validator}
        formData={props.data as ReadonlyJSONObject}
        formContext={{ defaultFormData: {} }}
        extraErrors={props.errors}
        templates={templates}
        widgets={WIDGETS}
        idSeparator="."
        liveValidate={false}
        noHtml5Validate
        showErrorList={false}
        idPrefix={FORM_ID}
        onChange={event => props.onChange(event.formData ?? {})}
        onSubmit={props.onSubmit}
        onError={props.onSubmit}
      />
    </div>
  );
}

/** Label, control, help and problems of one field. */
function Field(props: FieldTemplateProps): React.JSX.Element {
  const { id, label, schema, rawErrors, children, hidden } = props;
  if (hidden) {
    return <div hidden>{children}</div>;
  }
  if (schema.type === 'object') {
    return <>{children}</>;
  }
  const help = props.rawDescription;
  return (
    <div
      className="jp-mlops-field"
      data-type={String(schema.type)}
      data-invalid={!!rawErrors}
    >
      <label htmlFor={id} title={label}>
        {label}
      </label>
      <Control invalid={!!rawErrors}>{children}</Control>
      {help && (
        <div id={descriptionId(id)} className="jp-mlops-field-help">
          {help}
        </div>
      )}
      {rawErrors && (
        <div id={errorId(id)} className="jp-mlops-field-error" role="alert">
          {rawErrors.map((error, index) => (
            <div key={index}>{error}</div>
          ))}
        </div>
      )}
    </div>
  );
}

/** The control of a field; says to assistive technology whether what it holds is wrong. */
function Control(props: {
  invalid: boolean;
  children: React.ReactNode;
}): React.JSX.Element {
  const node = React.useRef<HTMLDivElement>(null);
  React.useEffect(() => {
    node.current
      ?.querySelector('input, select, textarea')
      ?.setAttribute('aria-invalid', String(props.invalid));
  }, [props.invalid]);
  return (
    <div ref={node} className="jp-mlops-field-control">
      {props.children}
    </div>
  );
}

/** Without a label of its own: a switch stands in the column of the other fields' values. */
function Checkbox(props: WidgetProps): React.JSX.Element {
  return (
    <input
      type="checkbox"
      id={props.id}
      checked={props.value === true}
      disabled={props.disabled === true || props.readonly === true}
      aria-describedby={`${descriptionId(props.id)} ${errorId(props.id)}`}
      onChange={event => props.onChange(event.target.checked)}
    />
  );
}

const WIDGETS = { CheckboxWidget: Checkbox };

/** As rjsf's own widgets name them in `aria-describedby`. */
function descriptionId(id: string): string {
  return `${id}__description`;
}

function errorId(id: string): string {
  return `${id}__error`;
}

function objectTemplate(trans: TranslationBundle) {
  return function ObjectFields(props: ObjectFieldTemplateProps): React.JSX.Element {
    const root = props.idSchema.$id === FORM_ID;
    if (!root) {
      if (!props.properties.length) {
        return <></>;
      }
      return (
        <fieldset className="jp-mlops-fieldset">
          <legend>{props.title}</legend>
          {props.properties.map(property => property.content)}
        </fieldset>
      );
    }
    const basic = props.properties.filter(property => BASIC.includes(property.name));
    const more = props.properties.filter(property => !BASIC.includes(property.name));
    const wrong = more.some(property => hasErrors(props.errorSchema, property.name));
    return (
      <>
        {basic.map(property => property.content)}
        <details className="jp-mlops-more" open={wrong || undefined}>
          <summary>{trans.__('More options')}</summary>
          {more.map(property => property.content)}
        </details>
      </>
    );
  };
}

function hasErrors(errors: ErrorSchema | undefined, name: string): boolean {
  return !!(errors as Record<string, unknown> | undefined)?.[name];
}
