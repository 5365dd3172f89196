import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { ITable } from '../../model/table';
import { Virtual } from '../Virtual';

const ROW_HEIGHT = 22;
const CELL_MOST = 200;

/** A table of a file: its head stays, rows beyond the view aren't there. */
export function DataTable(props: {
  table: ITable;
  label: string;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { table, trans } = props;
  const widths = React.useMemo(() => widthsOf(table), [table]);
  const style = {
    gridTemplateColumns: `48px ${widths.map(width => `${width}px`).join(' ')}`,
    width: widths.reduce((sum, width) => sum + width, 48)
  };
  if (!table.columns.length) {
    return <div className="jp-mlops-empty">{trans.__('The table is empty.')}</div>;
  }
  return (
    <>
      <p className="jp-mlops-quiet">
        {table.cut
          ? trans.__('The first %1 rows.', table.rows.length.toLocaleString())
          : trans._n('%1 row', '%1 rows', table.rows.length)}
      </p>
      <div className="jp-mlops-data" tabIndex={0} role="region" aria-label={props.label}>
        <div role="table" aria-label={props.label} aria-rowcount={table.rows.length + 1}>
          <div role="rowgroup">
            <div role="row" className="jp-mlops-data-row jp-mod-head" style={style}>
              <span role="columnheader" aria-label={trans.__('Row')} />
              {table.columns.map((name, index) => (
                <span key={index} role="columnheader" title={name.slice(0, 1000)}>
                  {name.slice(0, CELL_MOST)}
                </span>
              ))}
            </div>
          </div>
          <div
            role="rowgroup"
            className="jp-mlops-data-body"
            style={{ width: style.width }}
          >
            <Virtual
              count={table.rows.length}
              rowHeight={ROW_HEIGHT}
              renderRow={index => (
                <div
                  key={index}
                  role="row"
                  aria-rowindex={index + 2}
                  className="jp-mlops-data-row"
                  style={style}
                >
                  <span role="rowheader">{index + 1}</span>
                  {table.columns.map((_, column) => {
                    const value = table.rows[index][column] ?? '';
                    return (
                      <span key={column} role="cell" title={value.slice(0, 1000)}>
                        {value.slice(0, CELL_MOST)}
                      </span>
                    );
                  })}
                </div>
              )}
            />
          </div>
        </div>
      </div>
    </>
  );
}

/** Pixels for each column, by its first rows. */
function widthsOf(table: ITable): number[] {
  return table.columns.map((name, column) => {
    const lengths = table.rows.slice(0, 50).map(row => (row[column] ?? '').length);
    return Math.max(48, Math.min(320, 16 + 7.2 * Math.max(name.length, ...lengths)));
  });
}
