import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { formatDifference, formatValue } from '../../charts/numbers';
import { Swatch } from '../../charts/Swatch';
import type { ComparedDetail, Comparison } from '../../api/comparison';
import type { IChosenRun } from '../../model/comparison';
import type { IComparedRow, Section, Value } from '../../model/differences';
import { comparedRows, difference, SECTIONS } from '../../model/differences';
import { sectionName } from './names';

/** Rows of one section that are shown before somebody asks for more. */
const ROWS = 200;
/** Longer texts are shortened until they are asked for. */
const TEXT = 160;

export interface IDifferenceTableProps {
  runs: readonly IChosenRun[];
  names: ReadonlyMap<string, string>;
  baseline: string | null;
  comparison: Comparison;
  details: ReadonlyMap<string, ComparedDetail> | null;
  onWantDetails: () => void;
  trans: TranslationBundle;
}

/** Parameters, metrics and all else beside each other: differences only, unless all is wanted. */
export function DifferenceTable(props: IDifferenceTableProps): React.JSX.Element {
  const { comparison, trans } = props;
  const [all, setAll] = React.useState(false);
  const [words, setWords] = React.useState('');
  const details = all ? props.details : null;
  const rows = React.useMemo(
    () => comparedRows(comparison, details),
    [comparison, details]
  );
  const wanted = words.trim().toLowerCase();
  const shown = wanted
    ? rows.filter(({ key }) => key.toLowerCase().includes(wanted))
    : rows;
  const equal = Object.values(comparison.equal).reduce((sum, one) => sum + one, 0);
  const differing = rows.reduce((sum, row) => sum + Number(!row.same), 0);
  return (
    <div className="jp-mlops-differences">
      <div className="jp-mlops-bar">
        <input
          type="search"
          className="jp-mlops-filter"
          placeholder={trans.__('Filter names')}
          aria-label={trans.__('Filter names')}
          value={words}
          onChange={event => setWords(event.target.value)}
        />
        <label className="jp-mlops-check">
          <input
            type="checkbox"
            checked={!all}
            onChange={event => {
              setAll(!event.target.checked);
              props.onWantDetails();
            }}
          />
          {trans.__('Differences only')}
        </label>
        <span className="jp-mlops-bar-note" role="status">
          {trans.__('%1 differ, %2 are the same', differing, equal)}
        </span>
      </div>
      <div
        className="jp-mlops-differences-scroll"
        tabIndex={0}
        role="region"
        aria-label={trans.__('Differences')}
      >
        {shown.length ? (
          <table className="jp-mlops-compared">
            <thead>
              <tr>
                <th scope="col" className="jp-mlops-compared-corner">
                  <span className="jp-mlops-hidden">{trans.__('Name')}</span>
                </th>
                {comparison.runs.map(run => {
                  const chosen = props.runs.find(({ id }) => id === run.id);
                  const name = props.names.get(run.id) ?? run.name;
                  return (
                    <th key={run.id} scope="col" title={name}>
                      <Swatch style={chosen?.style ?? 0} /> <span>{name}</span>
                    </th>
                  );
                })}
              </tr>
            </thead>
            {SECTIONS.map(section => (
              <SectionRows
                key={section}
                {...props}
                section={section}
                all={all}
                rows={shown.filter(row => row.section === section)}
              />
            ))}
          </table>
        ) : (
          <div className="jp-mlops-empty" role="status">
            {wanted
              ? trans.__('No name matches.')
              : comparison.runs.length < 2
                ? trans.__('Add a second run to see where they differ.')
                : trans.__('These runs are the same in everything that was recorded.')}
          </div>
        )}
        {comparison.packages_known.includes(false) &&
          comparison.packages_known.includes(true) && (
            <p className="jp-mlops-compared-note">
              {trans.__('Not every run tells its packages.')}
            </p>
          )}
      </div>
    </div>
  );
}

function SectionRows(
  props: IDifferenceTableProps & {
    section: Section;
    rows: readonly IComparedRow[];
    all: boolean;
  }
): React.JSX.Element | null {
  const { section, rows, comparison, trans } = props;
  const [most, setMost] = React.useState(ROWS);
  const equal = comparison.equal[section] ?? 0;
  const unsaid = section === 'packages' || !props.all ? equal : 0;
  if (!rows.length) {
    return null;
  }
  const baseline = comparison.runs.findIndex(({ id }) => id === props.baseline);
  const columns = comparison.runs.length + 1;
  return (
    <tbody>
      <tr className="jp-mlops-compared-section">
        <th scope="colgroup" colSpan={columns}>
          <span>{sectionName(section, trans)}</span>
          {unsaid > 0 && (
            <span className="jp-mlops-compared-equal">
              {trans._n('%1 more is the same', '%1 more are the same', unsaid)}
            </span>
          )}
        </th>
      </tr>
      {rows.slice(0, most).map(row => (
        <tr key={row.key} data-same={row.same ? 'true' : undefined}>
          <th scope="row">
            <Text text={row.key} trans={trans} />
          </th>
          {row.values.map((value, index) => (
            <Cell
              key={comparison.runs[index]?.id ?? index}
              row={row}
              value={value}
              index={index}
              baseline={baseline}
              trans={trans}
            />
          ))}
        </tr>
      ))}
      {rows.length > most && (
        <tr>
          <td colSpan={columns}>
            <button
              type="button"
              className="jp-mlops-link"
              onClick={() => setMost(most + 5 * ROWS)}
            >
              {trans.__('Show more: %1 are left', rows.length - most)}
            </button>
          </td>
        </tr>
      )}
    </tbody>
  );
}

function Cell(props: {
  row: IComparedRow;
  value: Value;
  index: number;
  baseline: number;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { row, value, index, baseline, trans } = props;
  if (value === null || value === undefined) {
    return (
      <td className="jp-mod-missing" title={trans.__('This run has none')}>
        —
      </td>
    );
  }
  const differs = baseline >= 0 && row.values[baseline] !== value;
  const number = row.numbers?.[index];
  const than = baseline < 0 ? null : difference(row, index, baseline);
  return (
    <td className={classes(differs, row.numbers !== null)}>
      {number !== null && number !== undefined && row.section === 'metrics' ? (
        <span title={String(value)}>{formatValue(number)}</span>
      ) : (
        <Text text={String(value)} trans={trans} />
      )}
      {than && than.absolute !== 0 && (
        <span
          className="jp-mlops-compared-than"
          title={trans.__('Difference to the baseline')}
        >
          {formatDifference(than.absolute)}
          {than.relative !== null && ` (${percent(than.relative)})`}
        </span>
      )}
    </td>
  );
}

/** A text of somebody's: shortened until it is asked for. */
function Text(props: { text: string; trans: TranslationBundle }): React.JSX.Element {
  const { text, trans } = props;
  const [whole, setWhole] = React.useState(false);
  if (text.length <= TEXT) {
    return <>{text}</>;
  }
  return (
    <>
      {whole ? text : `${text.slice(0, TEXT)}…`}{' '}
      <button type="button" className="jp-mlops-link" onClick={() => setWhole(!whole)}>
        {whole ? trans.__('less') : trans.__('all of it')}
      </button>
    </>
  );
}

function classes(differs: boolean, numeric: boolean): string {
  return [differs && 'jp-mod-differs', numeric && 'jp-mod-number']
    .filter(Boolean)
    .join(' ');
}

function percent(part: number): string {
  const value = part * 100;
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return `${value > 0 ? '+' : '−'}${Math.abs(value).toFixed(digits)} %`;
}
