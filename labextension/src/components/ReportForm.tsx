import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { MlopsClient } from '../api/client';
import { MlopsError } from '../api/client';
import type { IReportChoice } from '../api/reports';
import { CHARTS_MOST } from '../api/reports';
import { comparedDetail } from '../api/comparison';
import { metricNames } from '../model/differences';
import { SYSTEM } from '../model/metricGroups';
import { ErrorNotice } from './ErrorNotice';
import { NameChoice } from './NameChoice';

/** The server's own limit. */
const TITLE_MOST = 200;

export interface IReportFormProps {
  client: MlopsClient;
  runs: readonly string[];
  choice: IReportChoice;
  onChoice: (choice: IReportChoice) => void;
  /** Where it is going to be saved. */
  folder: string;
  /** What was refused; empty where nothing was. */
  problem: { readonly what: string; readonly hint: string } | null;
  busy: boolean;
  trans: TranslationBundle;
}

/** What a report shall be like. */
export function ReportForm(props: IReportFormProps): React.JSX.Element {
  const { choice, onChoice, problem, busy, trans } = props;
  const id = React.useId().replace(/:/g, '');
  return (
    <div className="jp-mlops-form jp-mlops-report">
      {problem && (
        <div className="jp-mlops-notice jp-mod-error" role="alert" tabIndex={-1}>
          <div className="jp-mlops-notice-what">{problem.what}</div>
          {problem.hint && <div>{problem.hint}</div>}
        </div>
      )}
      <div className="jp-mlops-field">
        <label htmlFor={`${id}-title`}>{trans.__('Title')}</label>
        <div className="jp-mlops-field-control">
          <input
            id={`${id}-title`}
            type="text"
            maxLength={TITLE_MOST}
            placeholder={trans.__('The names of the experiments')}
            value={choice.title}
            onChange={event => onChoice({ ...choice, title: event.target.value })}
          />
        </div>
      </div>
      <Charts {...props} id={id} />
      <div className="jp-mlops-field">
        <label htmlFor={`${id}-html`}>{trans.__('Page')}</label>
        <div className="jp-mlops-field-control">
          <label className="jp-mlops-check">
            <input
              id={`${id}-html`}
              type="checkbox"
              checked={choice.html}
              onChange={event => onChoice({ ...choice, html: event.target.checked })}
            />
            {trans.__('Also as one HTML file, which any browser opens')}
          </label>
        </div>
      </div>
      <div className="jp-mlops-field">
        <span className="jp-mlops-report-label">{trans.__('Saved in')}</span>
        <div className="jp-mlops-field-control">
          <span className="jp-mlops-report-folder">{props.folder || '/'}</span>
          <div className="jp-mlops-field-help">
            {trans.__('The file browser’s folder. Nothing is written over.')}
          </div>
        </div>
      </div>
      <p className="jp-mlops-report-state" role="status">
        {busy ? trans.__('The report is being made…') : ''}
      </p>
    </div>
  );
}

/** Which metrics are drawn: the usual ones, or those that a person picks. */
function Charts(props: IReportFormProps & { id: string }): React.JSX.Element {
  const { client, runs, choice, onChoice, trans, id } = props;
  const [known, setKnown] = React.useState<readonly string[] | null>(null);
  const [cut, setCut] = React.useState(false);
  const [error, setError] = React.useState<MlopsError | null>(null);
  const [tries, setTries] = React.useState(0);
  const picks = choice.metrics !== null;
  React.useEffect(() => {
    let wanted = picks && !known;
    if (!wanted) {
      return;
    }
    setError(null);
    Promise.all(runs.map(run => comparedDetail(client, run))).then(
      details => {
        if (wanted) {
          setKnown(sorted(metricNames(details)));
          setCut(details.some(one => one.cut));
        }
      },
      (refused: unknown) => {
        if (!(refused instanceof MlopsError)) {
          throw refused;
        }
        if (wanted) {
          setError(refused);
        }
      }
    );
    return () => {
      wanted = false;
    };
  }, [picks, known, tries]);
  const way = (value: boolean, text: string) => (
    <label className="jp-mlops-check">
      <input
        type="radio"
        name={`${id}-charts`}
        checked={picks === value}
        onChange={() => onChoice({ ...choice, metrics: value ? [] : null })}
      />
      {text}
    </label>
  );
  return (
    <div className="jp-mlops-field" role="radiogroup" aria-labelledby={`${id}-charts`}>
      <span className="jp-mlops-report-label" id={`${id}-charts`}>
        {trans.__('Charts')}
      </span>
      <div className="jp-mlops-field-control">
        {way(false, trans.__('The metrics that most runs have, twelve at most'))}
        {way(true, trans.__('Metrics that I choose'))}
        {choice.metrics &&
          (error ? (
            <ErrorNotice error={error} onRetry={() => setTries(tries + 1)} trans={trans} />
          ) : known ? (
            <Names
              names={known}
              cut={cut}
              chosen={choice.metrics}
              onChosen={metrics => onChoice({ ...choice, metrics })}
              trans={trans}
            />
          ) : (
            <p className="jp-mlops-field-help" role="status">
              {trans.__('Loading…')}
            </p>
          ))}
      </div>
    </div>
  );
}

function Names(props: {
  names: readonly string[];
  cut: boolean;
  chosen: readonly string[];
  onChosen: (names: readonly string[]) => void;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { names, chosen, trans } = props;
  const full = chosen.length >= CHARTS_MOST;
  if (!names.length) {
    return (
      <p className="jp-mlops-field-help" role="status">
        {trans.__('These runs have logged no metric.')}
      </p>
    );
  }
  return (
    <div className="jp-mlops-report-names">
      <NameChoice
        names={names.map(name => ({ key: name, name }))}
        chosen={chosen}
        most={CHARTS_MOST}
        onChosen={props.onChosen}
        label={trans.__('Metrics that are drawn')}
        className="jp-mlops-report-list"
        trans={trans}
      >
        {props.cut && <p>{trans.__('These runs have more metrics than are listed.')}</p>}
      </NameChoice>
      <div className="jp-mlops-field-help" role="status">
        {full
          ? trans.__('%1 chosen, as many as a report can draw', chosen.length)
          : chosen.length
            ? trans.__('%1 of %2 chosen', chosen.length, names.length)
            : trans.__('None is chosen: the report has no chart.')}
      </div>
    </div>
  );
}

/** Those of the system last: they are seldom what a report is about. */
function sorted(names: readonly string[]): readonly string[] {
  const rank = (name: string) => Number(name.startsWith(`${SYSTEM}/`));
  return [...names].sort((one, other) => rank(one) - rank(other));
}
