import type { TranslationBundle } from '@jupyterlab/translation';
import { addIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { MlopsError } from '../../api/client';
import type { MlopsClient } from '../../api/client';
import type { ComparedRun } from '../../api/comparison';
import { findRuns } from '../../api/comparison';
import { RelativeTime } from '../Clock';
import { RunStatusIcon } from '../RunStatus';
import { Dropdown } from './Dropdown';

const LISTED = 30;
const PATIENCE_MS = 200;

export interface IAddRunProps {
  client: MlopsClient;
  /** Where runs are looked for; everywhere when empty. */
  experiments: readonly string[];
  chosen: ReadonlySet<string>;
  full: boolean;
  onAdd: (id: string) => void;
  trans: TranslationBundle;
}

/** A button that opens a search for further runs. */
export function AddRun(props: IAddRunProps): React.JSX.Element {
  const { trans } = props;
  return (
    <Dropdown
      button={
        <>
          <addIcon.react tag="span" width="14px" height="14px" />
          {trans.__('Add run')}
        </>
      }
      label={trans.__('Add a run to the comparison')}
      side="right"
      disabled={props.full}
      title={props.full ? trans.__('No more runs can be compared at once') : ''}
    >
      {() => <Search {...props} />}
    </Dropdown>
  );
}

function Search(props: IAddRunProps): React.JSX.Element {
  const { client, trans, chosen } = props;
  const [words, setWords] = React.useState('');
  const [everywhere, setEverywhere] = React.useState(!props.experiments.length);
  const [found, setFound] = React.useState<readonly ComparedRun[] | null>(null);
  const [problem, setProblem] = React.useState('');
  const list = React.useRef<HTMLDivElement>(null);
  const experiments = everywhere ? [] : props.experiments;

  React.useEffect(() => {
    let stale = false;
    const timer = window.setTimeout(
      () => {
        findRuns(client, words.trim(), experiments, LISTED).then(
          runs => {
            if (!stale) {
              setFound(runs);
              setProblem('');
            }
          },
          (error: unknown) => {
            if (!(error instanceof MlopsError)) {
              throw error;
            }
            if (!stale) {
              setProblem([error.message, error.hint].filter(Boolean).join(' '));
            }
          }
        );
      },
      found ? PATIENCE_MS : 0
    );
    return () => {
      stale = true;
      window.clearTimeout(timer);
    };
  }, [words, everywhere]);

  const others = found?.filter(run => !chosen.has(run.id));
  return (
    <div
      className="jp-mlops-dropdown-content"
      onKeyDown={event => {
        const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
        const buttons = list.current?.querySelectorAll('button');
        if (step && buttons?.length) {
          event.preventDefault();
          const at = [...buttons].indexOf(document.activeElement as HTMLButtonElement);
          buttons[Math.max(0, Math.min(buttons.length - 1, at + step))].focus();
        }
      }}
    >
      <input
        type="search"
        className="jp-mlops-filter"
        autoFocus
        placeholder={trans.__("Words, or metrics.acc > 0.9 and params.lr = '0.1'")}
        aria-label={trans.__('Search runs')}
        value={words}
        onChange={event => setWords(event.target.value)}
      />
      {props.experiments.length > 0 && (
        <label className="jp-mlops-check">
          <input
            type="checkbox"
            checked={everywhere}
            onChange={event => setEverywhere(event.target.checked)}
          />
          {trans.__('In all experiments')}
        </label>
      )}
      {problem ? (
        <div className="jp-mlops-notice jp-mod-error" role="alert">
          {problem}
        </div>
      ) : (
        <div ref={list} className="jp-mlops-dropdown-list">
          {others?.map(run => (
            <button key={run.id} type="button" onClick={() => props.onAdd(run.id)}>
              <RunStatusIcon status={run.status} trans={trans} />
              <span className="jp-mlops-addRun-name">{run.name || run.id.slice(0, 8)}</span>
              {everywhere && (
                <span className="jp-mlops-addRun-where">{run.experiment}</span>
              )}
              {run.started_at && (
                <span className="jp-mlops-addRun-when">
                  <RelativeTime epoch={run.started_at} trans={trans} />
                </span>
              )}
            </button>
          ))}
          {!others && <p role="status">{trans.__('Loading…')}</p>}
          {others?.length === 0 && <p role="status">{trans.__('No other run matches.')}</p>}
        </div>
      )}
    </div>
  );
}
