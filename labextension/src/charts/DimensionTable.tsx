import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { IDimension } from './dimension';
import { formatDimension } from './dimension';
import type { ISubject } from './ParallelCoordinates';
import { Swatch } from './Swatch';

/** The same as numbers and words: a line for each run. */
export function DimensionTable(props: {
  title: string;
  subjects: readonly ISubject[];
  dimensions: readonly IDimension[];
  /** Which of the runs; all when left out. */
  shown?: readonly boolean[];
  trans: TranslationBundle;
}): React.JSX.Element {
  const { subjects, dimensions, shown, trans } = props;
  return (
    <div className="jp-mlops-chart-table" tabIndex={0}>
      <table className="jp-mlops-table">
        <caption className="jp-mlops-hidden">{props.title}</caption>
        <thead>
          <tr>
            <th scope="col">{trans.__('Run')}</th>
            {dimensions.map(({ key, name }) => (
              <th key={key} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {subjects.map(
            ({ id, label, style }, index) =>
              (shown?.[index] ?? true) && (
                <tr key={id}>
                  <th scope="row">
                    <Swatch style={style} /> {label}
                  </th>
                  {dimensions.map(({ key, values }) => (
                    <td key={key}>{formatDimension(values[index] ?? null)}</td>
                  ))}
                </tr>
              )
          )}
        </tbody>
      </table>
    </div>
  );
}
