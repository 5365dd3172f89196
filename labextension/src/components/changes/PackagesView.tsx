import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { PackageDiff } from '../../api/changes';
import { counted } from '../../model/changes';
import { Growing } from './Growing';
import { ChangeSign, Notes } from './Section';
import { countedText } from './words';

/** Packages that differ, a line each; Python itself first. */
export function PackagesView(props: {
  diff: PackageDiff;
  names: readonly [string, string];
  trans: TranslationBundle;
}): React.JSX.Element {
  const { diff, names, trans } = props;
  const [old, now] = diff.python;
  const python = !!old && !!now && old !== now;
  const summary = [
    countedText(counted(diff.packages), trans),
    trans._n('%1 package the same', '%1 packages the same', diff.equal)
  ];
  return (
    <>
      <p className="jp-mlops-changes-summary">{summary.filter(Boolean).join(' · ')}</p>
      <Notes notes={diff.notes} />
      {(python || diff.packages.length > 0) && (
        <table className="jp-mlops-changes-table">
          <thead>
            <tr>
              <th scope="col" aria-label={trans.__('Change')} />
              <th scope="col">{trans.__('Package')}</th>
              <th scope="col">− {names[0]}</th>
              <th scope="col">+ {names[1]}</th>
              <th scope="col">{trans.__('Step')}</th>
            </tr>
          </thead>
          <tbody>
            {python && (
              <tr>
                <td>
                  <ChangeSign change="changed" trans={trans} />
                </td>
                <th scope="row">{trans.__('Python')}</th>
                <td>{old}</td>
                <td>{now}</td>
                <td />
              </tr>
            )}
            <Growing
              count={diff.packages.length}
              columns={5}
              render={index => {
                const one = diff.packages[index];
                return (
                  <tr key={one.name}>
                    <td>
                      <ChangeSign change={one.change} trans={trans} />
                    </td>
                    <th scope="row">{one.name}</th>
                    <td>{one.before ?? '—'}</td>
                    <td>{one.after ?? '—'}</td>
                    <td>
                      <Step step={one.step} trans={trans} />
                    </td>
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

function Step(props: {
  step: PackageDiff['packages'][number]['step'];
  trans: TranslationBundle;
}): React.JSX.Element | null {
  const { step, trans } = props;
  switch (step) {
    case 'major':
      return <strong>{trans.__('major')}</strong>;
    case 'minor':
      return <>{trans.__('minor')}</>;
    case 'patch':
      return <>{trans.__('patch')}</>;
    default:
      return null;
  }
}
