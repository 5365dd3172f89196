import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { TextDiff } from '../../api/changes';
import type { IFoldRow, ILineRow, PairRow, TextRow } from '../../model/changes';
import { paired, textRows } from '../../model/changes';

export type Layout = 'unified' | 'split';

export interface ITextViewProps {
  diff: TextDiff;
  layout: Layout;
  /** What the text is, for those who don't see it. */
  label: string;
  trans: TranslationBundle;
}

/** Rows that are there at first; the others come when they are asked for. */
const ROWS = 80;
const MORE = 400;

/** A text's changes, line by line: signs, numbers, and the words that changed. */
export function TextView(props: ITextViewProps): React.JSX.Element {
  const { diff, layout, label, trans } = props;
  const [opened, setOpened] = React.useState<ReadonlySet<IFoldRow>>(new Set());
  const [most, setMost] = React.useState(ROWS);
  const rows = React.useMemo(() => textRows(diff), [diff]);
  const lines = rows.flatMap((row): readonly TextRow[] =>
    row.type === 'fold' && opened.has(row) ? row.lines : [row]
  );
  const shown: readonly (TextRow | PairRow)[] = layout === 'split' ? paired(lines) : lines;
  const left = shown.length - most;
  return (
    <div className="jp-mlops-diff" data-layout={layout}>
      <table aria-label={label}>
        <Columns layout={layout} />
        <tbody>
          {shown.slice(0, left > 5 ? most : undefined).map((row, index) => {
            switch (row.type) {
              case 'line':
                return <Line key={index} row={row} trans={trans} />;
              case 'pair':
                return <Pair key={index} row={row} trans={trans} />;
              case 'gap':
                return (
                  <Between key={index} split={layout === 'split'}>
                    {trans._n('%1 unchanged line', '%1 unchanged lines', row.count)}
                  </Between>
                );
              case 'fold':
                return (
                  <Between key={index} split={layout === 'split'}>
                    <button
                      type="button"
                      className="jp-mlops-link"
                      onClick={() => setOpened(new Set(opened).add(row))}
                    >
                      {trans._n(
                        'Show %1 unchanged line',
                        'Show %1 unchanged lines',
                        row.lines.length
                      )}
                    </button>
                  </Between>
                );
            }
          })}
        </tbody>
      </table>
      {left > 5 && (
        <button
          type="button"
          className="jp-mlops-link jp-mlops-diff-more"
          onClick={() => setMost(most + MORE)}
        >
          {trans._n('Show %1 more line', 'Show %1 more lines', Math.min(left, MORE))}
        </button>
      )}
      {diff.cut && <p className="jp-mlops-diff-note">{diff.cut}</p>}
    </div>
  );
}

/** Widths: in a table of fixed layout its first row would say them, which may be a fold. */
function Columns({ layout }: { layout: Layout }): React.JSX.Element {
  const kinds =
    layout === 'split'
      ? ['number', 'sign', 'text', 'number', 'sign', 'text']
      : ['number', 'number', 'sign', 'text'];
  return (
    <colgroup>
      {kinds.map((kind, index) => (
        <col key={index} className={`jp-mlops-diff-col-${kind}`} />
      ))}
    </colgroup>
  );
}

function Between(props: { split: boolean; children: React.ReactNode }): React.JSX.Element {
  return (
    <tr className="jp-mlops-diff-between">
      <td colSpan={props.split ? 6 : 4}>{props.children}</td>
    </tr>
  );
}

function Line(props: { row: ILineRow; trans: TranslationBundle }): React.JSX.Element {
  const { row, trans } = props;
  return (
    <tr data-op={row.op}>
      <td className="jp-mlops-diff-number">{row.before}</td>
      <td className="jp-mlops-diff-number">{row.after}</td>
      <Sign op={row.op} trans={trans} />
      <td className="jp-mlops-diff-text">
        <Pieces row={row} />
      </td>
    </tr>
  );
}

function Pair(props: {
  row: Extract<PairRow, { type: 'pair' }>;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { left, right } = props.row;
  return (
    <tr>
      <Half row={left} number={left?.before ?? null} trans={props.trans} />
      <Half row={right} number={right?.after ?? null} trans={props.trans} />
    </tr>
  );
}

function Half(props: {
  row: ILineRow | null;
  number: number | null;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { row, number, trans } = props;
  const op = row?.op ?? 'none';
  return (
    <>
      <td className="jp-mlops-diff-number" data-op={op}>
        {number}
      </td>
      <Sign op={row?.op ?? '='} trans={trans} />
      <td className="jp-mlops-diff-text" data-op={op}>
        {row && <Pieces row={row} />}
      </td>
    </>
  );
}

function Sign(props: { op: ILineRow['op']; trans: TranslationBundle }): React.JSX.Element {
  const { op, trans } = props;
  const said =
    op === '+' ? trans.__('added') : op === '-' ? trans.__('removed') : undefined;
  return (
    <td className="jp-mlops-diff-sign" data-op={op}>
      {said && <span aria-hidden="true">{op === '-' ? '−' : '+'}</span>}
      {said && <span className="jp-mlops-hidden">{said}</span>}
    </td>
  );
}

/** The line; what changed in it is every second piece. */
function Pieces({ row }: { row: ILineRow }): React.JSX.Element {
  const children = row.pieces.map((piece, index) =>
    index % 2 ? <b key={index}>{piece}</b> : piece
  );
  switch (row.op) {
    case '-':
      return <del>{children}</del>;
    case '+':
      return <ins>{children}</ins>;
    default:
      return <span>{children}</span>;
  }
}
