import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { MlopsClient } from '../../api/client';
import type { IChosenRun } from '../../model/comparison';
import { RunChanges } from '../RunChanges';
import { nameOf } from './names';

export interface IChangesViewProps {
  client: MlopsClient;
  runs: readonly IChosenRun[];
  names: ReadonlyMap<string, string>;
  baseline: string | null;
  trans: TranslationBundle;
}

/** Notebook, packages, code and data of two of the runs: the baseline and another. */
export function ChangesView(props: IChangesViewProps): React.JSX.Element {
  const { runs, names, baseline, trans } = props;
  const [chosen, setChosen] = React.useState<readonly [string | null, string | null]>([
    null,
    null
  ]);
  const known = (id: string | null) => runs.find(one => one.id === id);
  const before = known(chosen[0]) ?? known(baseline) ?? runs[0];
  const after =
    [known(chosen[1]), ...runs].find(one => one && one.id !== before.id) ?? null;
  if (!after) {
    return (
      <div className="jp-mlops-empty" role="status">
        {trans.__('Add a second run to see where they differ.')}
      </div>
    );
  }
  const name = (run: IChosenRun) => names.get(run.id) ?? nameOf(run);
  const choice = (
    label: string,
    one: IChosenRun,
    other: IChosenRun,
    onRun: (id: string) => void
  ) => (
    <label className="jp-mlops-control">
      {label}
      <select value={one.id} onChange={event => onRun(event.target.value)}>
        {runs
          .filter(run => run.id !== other.id)
          .map(run => (
            <option key={run.id} value={run.id}>
              {name(run)}
            </option>
          ))}
      </select>
    </label>
  );
  return (
    <div className="jp-mlops-dimensions">
      {runs.length > 2 && (
        <div className="jp-mlops-bar">
          {choice(trans.__('From'), before, after, id => setChosen([id, after.id]))}
          {choice(trans.__('To'), after, before, id => setChosen([before.id, id]))}
        </div>
      )}
      <RunChanges
        key={`${before.id} ${after.id}`}
        client={props.client}
        runs={[before.id, after.id]}
        names={[name(before), name(after)]}
        trans={trans}
      />
    </div>
  );
}
