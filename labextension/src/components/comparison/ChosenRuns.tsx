import type { TranslationBundle } from '@jupyterlab/translation';
import { closeIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { Swatch } from '../../charts/Swatch';
import type { IChosenRun } from '../../model/comparison';
import { RunStatusIcon } from '../RunStatus';
import { nameOf } from './names';

export interface IChosenRunsProps {
  runs: readonly IChosenRun[];
  names: ReadonlyMap<string, string>;
  baseline: string | null;
  onBaseline: (id: string | null) => void;
  onRemove: (id: string) => void;
  /** Null where no run page is there. */
  onOpen: ((id: string) => void) | null;
  emphasized: string | null;
  onEmphasized: (id: string | null) => void;
  trans: TranslationBundle;
}

/** The runs that are compared, each with its colour; one of them is what others are measured by. */
export function ChosenRuns(props: IChosenRunsProps): React.JSX.Element {
  const { names, baseline, trans } = props;
  return (
    <ul className="jp-mlops-chosen" aria-label={trans.__('Runs')}>
      {props.runs.map(chosen => {
        const { id, run, style } = chosen;
        const name = names.get(id) ?? nameOf(chosen);
        const title = run
          ? [name, run.experiment, run.user, id].filter(Boolean).join(' · ')
          : id;
        return (
          <li
            key={id}
            data-mlops-run={id}
            data-emphasized={props.emphasized === id ? 'true' : undefined}
            className={'jp-mlops-chosen-run' + (baseline === id ? ' jp-mod-baseline' : '')}
            onPointerEnter={() => props.onEmphasized(id)}
            onPointerLeave={() => props.onEmphasized(null)}
          >
            <Swatch style={style} />
            {run && <RunStatusIcon status={run.status} trans={trans} />}
            {props.onOpen ? (
              <button
                type="button"
                className="jp-mlops-chosen-name"
                title={title}
                onClick={() => props.onOpen?.(id)}
              >
                {name}
              </button>
            ) : (
              <span className="jp-mlops-chosen-name" title={title}>
                {name}
              </span>
            )}
            <button
              type="button"
              className="jp-mlops-chosen-baseline"
              aria-pressed={baseline === id}
              title={trans.__('Measure the others by this run')}
              aria-label={trans.__('Baseline: %1', name)}
              onClick={() => props.onBaseline(baseline === id ? null : id)}
            >
              {trans.__('baseline')}
            </button>
            <button
              type="button"
              className="jp-mlops-iconButton jp-mlops-chosen-remove"
              title={trans.__('Remove from the comparison')}
              aria-label={trans.__('Remove %1', name)}
              onClick={() => props.onRemove(id)}
            >
              <closeIcon.react tag="span" width="14px" height="14px" />
            </button>
          </li>
        );
      })}
    </ul>
  );
}
