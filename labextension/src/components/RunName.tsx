import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { RunRow } from '../api/runs';
import { noteIcon } from '../runIcons';
import type { IRunActions } from './RunsGrid';
import { RunStatusIcon } from './RunStatus';
import { Star } from './Star';

/** The first cell of a run's line: chosen or not, status, name, note, favourite. */
export function RunName(props: {
  run: RunRow;
  indented: boolean;
  selected: boolean;
  onSelect: (event: React.MouseEvent) => void;
  actions: IRunActions;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { run, actions, trans } = props;
  return (
    <>
      {props.indented && <span className="jp-mlops-grid-indent" />}
      <input
        type="checkbox"
        className="jp-mlops-grid-check"
        checked={props.selected}
        readOnly
        tabIndex={-1}
        aria-label={trans.__('Select %1', run.name)}
        onClick={props.onSelect}
        onDoubleClick={event => event.stopPropagation()}
      />
      <RunStatusIcon status={run.status} trans={trans} />
      <button
        type="button"
        className="jp-mlops-grid-open"
        tabIndex={-1}
        title={run.note ? `${run.name}\n\n${run.note}` : run.name}
        onClick={event => {
          if (!event.shiftKey && !event.ctrlKey && !event.metaKey) {
            event.stopPropagation();
            actions.open(run.id);
          }
        }}
      >
        {run.name || run.id.slice(0, 8)}
      </button>
      {run.note && (
        <button
          type="button"
          className="jp-mlops-grid-note"
          tabIndex={-1}
          aria-label={trans.__('Note')}
          title={run.note}
          onClick={event => {
            event.stopPropagation();
            actions.note(run);
          }}
        >
          <noteIcon.react tag="span" width="14px" height="14px" />
        </button>
      )}
      <Star on={run.favourite} trans={trans} onClick={() => actions.favourite([run.id])} />
    </>
  );
}
