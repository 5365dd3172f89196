import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { columnsIcon, experimentsIcon } from '../runIcons';
import type { ExperimentsModel } from '../model/experiments';
import { ErrorNotice } from './ErrorNotice';
import type { IExperimentActions } from './ExperimentList';
import { ExperimentList } from './ExperimentList';
import { LookAgain } from './LookAgain';
import { Refusal } from './Refusal';
import { Skeleton } from './Skeleton';

export interface IExperimentsPanelProps {
  model: ExperimentsModel;
  actions: IExperimentActions;
  /** Seconds between two looks at a tracking server; null where there is none. */
  seconds: number | null;
  onLook: () => void;
  trans: TranslationBundle;
}

// Code is the same in every language.
const LOGGING =
  'import jupyter_mlops as mlops\n\nmlops.start()\nfor step in range(100):\n    mlops.log(loss=1 / (step + 1))';

/** Everything inside the Experiments side panel. */
export function ExperimentsPanel(props: IExperimentsPanelProps): React.JSX.Element {
  const { model, actions, trans } = props;
  const { error, lines } = model;
  const refused = error?.code === 'filter_invalid';
  const label = trans.__('Search experiments and runs');
  const onNearEnd = React.useCallback(() => void model.loadMore(), [model]);
  return (
    <div className="jp-mlops-panel">
      <div className="jp-mlops-panel-head jp-mlops-experiments-head">
        <input
          type="search"
          className="jp-mlops-filter"
          placeholder={label}
          aria-label={label}
          aria-invalid={refused}
          title={trans.__(
            'Plain words, MLflow’s filter syntax, or both: resnet metrics.acc > 0.9'
          )}
          value={model.text}
          spellCheck={false}
          onChange={event => model.setText(event.target.value)}
          onKeyDown={event => {
            if (event.key === 'Enter') {
              model.setText(model.text, true);
            } else if (event.key === 'Escape' && model.text) {
              event.stopPropagation();
              model.setText('', true);
            } else if (event.key === 'ArrowDown') {
              event.preventDefault();
              event.currentTarget
                .closest('.jp-mlops-panel')
                ?.querySelector<HTMLElement>('.jp-mlops-list')
                ?.focus();
            }
          }}
        />
        <LookAgain
          seconds={model.atServer ? props.seconds : null}
          short
          onLook={props.onLook}
          trans={trans}
        />
        <button
          type="button"
          className="jp-mlops-iconButton"
          aria-label={trans.__('Open the table of all runs')}
          title={trans.__('Open the table of all runs')}
          onClick={() => actions.openTable(null)}
        >
          <columnsIcon.react tag="span" width="16px" height="16px" />
        </button>
      </div>
      {error && refused && <Refusal error={error} />}
      {error && !refused && (
        <ErrorNotice error={error} onRetry={() => void model.refresh()} trans={trans} />
      )}
      {lines.some(line => line.kind !== 'heading') ? (
        <ExperimentList
          lines={lines}
          onToggle={(id, open) => model.toggle(id, open)}
          onNearEnd={onNearEnd}
          actions={actions}
          trans={trans}
        />
      ) : model.known && !error ? (
        model.text.trim() ? (
          <div className="jp-mlops-empty">
            <p>{trans.__('Nothing matches.')}</p>
            <button
              type="button"
              className="jp-mlops-link"
              onClick={() => model.setText('', true)}
            >
              {trans.__('Show all experiments')}
            </button>
          </div>
        ) : (
          <div className="jp-mlops-empty">
            <experimentsIcon.react tag="span" width="40px" height="40px" />
            <h3>{trans.__('No experiments yet')}</h3>
            <p>
              {trans.__(
                'Every job is recorded as a run of an experiment. From a notebook cell, whatever you log becomes one too:'
              )}
            </p>
            <pre>{LOGGING}</pre>
          </div>
        )
      ) : error ? null : (
        <Skeleton
          label={trans.__('Loading experiments')}
          rows={4}
          className="jp-mlops-skeleton"
        />
      )}
    </div>
  );
}
