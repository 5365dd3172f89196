import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { DataDiff, DataFile } from '../../api/changes';
import { counted, formatSize } from '../../model/changes';
import { Growing } from './Growing';
import { ChangeSign, Notes } from './Section';
import { changeLabel, countedText } from './words';

/** Files and datasets that differ, a line each. */
export function DataView(props: {
  diff: DataDiff;
  names: readonly [string, string];
  trans: TranslationBundle;
}): React.JSX.Element {
  const { diff, names, trans } = props;
  const summary = [
    countedText(counted(diff.data), trans),
    trans._n('%1 the same', '%1 the same', diff.equal)
  ];
  return (
    <>
      <p className="jp-mlops-changes-summary">{summary.filter(Boolean).join(' · ')}</p>
      <Notes notes={diff.notes} />
      {diff.data.length > 0 && (
        <table className="jp-mlops-changes-table">
          <thead>
            <tr>
              <th scope="col" aria-label={trans.__('Change')} />
              <th scope="col">{trans.__('Data')}</th>
              <th scope="col">− {names[0]}</th>
              <th scope="col">+ {names[1]}</th>
              <th scope="col">{trans.__('Change')}</th>
            </tr>
          </thead>
          <tbody>
            <Growing
              count={diff.data.length}
              columns={5}
              render={index => {
                const one = diff.data[index];
                return (
                  <tr key={`${one.dataset} ${one.name}`}>
                    <td>
                      <ChangeSign change={one.change} trans={trans} />
                    </td>
                    <th scope="row" title={one.after?.path ?? one.before?.path}>
                      {one.name}
                      {one.dataset && <em> {trans.__('logged')}</em>}
                    </th>
                    <td>
                      <Content
                        file={one.before}
                        moved={one.change === 'moved'}
                        trans={trans}
                      />
                    </td>
                    <td>
                      <Content file={one.after} moved={false} trans={trans} />
                    </td>
                    <td>{changeLabel(one.change, trans)}</td>
                  </tr>
                );
              }}
              trans={trans}
            />
          </tbody>
        </table>
      )}
    </>
  );
}

function Content(props: {
  file: DataFile | null;
  moved: boolean;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { file, moved, trans } = props;
  if (!file) {
    return <>—</>;
  }
  const told = [
    file.size === null ? '' : formatSize(file.size),
    file.rows === null
      ? ''
      : trans._n('%2 row', '%2 rows', file.rows, file.rows.toLocaleString()),
    file.versioned
  ].filter(Boolean);
  return (
    <>
      {moved && <div>{file.path}</div>}
      {told.join(' · ')}{' '}
      {file.hash ? (
        <code title={file.hash}>{file.hash.slice(0, 12)}</code>
      ) : (
        <em>{file.note}</em>
      )}
    </>
  );
}
