import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { ReproductionModel } from '../../model/reproduction';
import type { RunModel } from '../../model/run';
import { ErrorNotice } from '../ErrorNotice';
import { Skeleton } from '../Skeleton';
import { Artifacts } from './Artifacts';
import { Charts } from './Charts';
import { Failure } from './Failure';
import type { IRunActions } from './Header';
import { RunHeader } from './Header';
import { Lineage } from './Lineage';
import type { RenderNotebook } from './NotebookPreview';
import { Record } from './Record';
import { ReproductionStages } from './Reproduction';
import { Values } from './Values';

export type RunTab = 'charts' | 'values' | 'artifacts' | 'record' | 'lineage';

export interface IRunPageProps {
  model: RunModel;
  reproduction: ReproductionModel;
  /** What can be done with the run now. */
  actions: IRunActions;
  renderNotebook: RenderNotebook;
  onRun: (id: string) => void;
  onJob: (id: string) => void;
  /** It is there for the first time: the keyboard can be led to it. */
  onShown: () => void;
  trans: TranslationBundle;
}

/** Everything about one run. */
export function RunPage(props: IRunPageProps): React.JSX.Element {
  const { model, actions, trans } = props;
  const { detail, error } = model;
  const [chosen, setTab] = React.useState<RunTab | null>(null);
  const known = detail !== null;
  React.useEffect(() => {
    if (known) {
      props.onShown();
    }
  }, [known]);

  if (!detail) {
    return error ? (
      <ErrorNotice error={error} onRetry={() => model.refresh()} trans={trans} />
    ) : (
      <Skeleton label={trans.__('Loading…')} rows={3} className="jp-mlops-empty" />
    );
  }
  // A run without metrics has nothing to draw.
  const tab = chosen ?? (model.metrics.size ? 'charts' : 'values');
  const prefix = `jp-mlops-run-${model.id}`;
  return (
    <>
      <header className="jp-mlops-header">
        <RunHeader
          model={model}
          detail={detail}
          actions={actions}
          reproduction={props.reproduction}
          onShowRecord={() => setTab('record')}
          trans={trans}
        />
        {model.stale && (
          <div className="jp-mlops-notice" role="status">
            {error?.code === 'run_not_found'
              ? trans.__('The run is not there any more. This is how it was.')
              : trans.__('Not connected. Trying again…')}
          </div>
        )}
        {detail.deleted && (
          <div className="jp-mlops-notice">
            {trans.__('The run is in MLflow’s trash. It can be restored on MLflow’s page.')}
          </div>
        )}
        <ReproductionStages
          model={props.reproduction}
          onCancel={() => actions.report(props.reproduction.cancel())}
          onRun={props.onRun}
          onJob={props.onJob}
          onCompare={actions.compare}
          trans={trans}
        />
        <Failure model={model} run={detail.run} trans={trans} />
        <div className="jp-mlops-tabs">
          <div
            role="tablist"
            aria-label={trans.__('Views of the run')}
            onKeyDown={event => {
              const next = neighbour(tab, event.key);
              if (next) {
                event.preventDefault();
                setTab(next);
                const index = TABS.indexOf(next);
                (event.currentTarget.children[index] as HTMLElement).focus();
              }
            }}
          >
            {TABS.map(name => (
              <button
                key={name}
                type="button"
                role="tab"
                id={`${prefix}-tab-${name}`}
                aria-controls={`${prefix}-view`}
                aria-selected={name === tab}
                tabIndex={name === tab ? 0 : -1}
                className="jp-mlops-tab"
                onClick={() => setTab(name)}
              >
                {label(name, trans)}
              </button>
            ))}
          </div>
        </div>
      </header>
      <div
        className="jp-mlops-run-view"
        data-view={tab}
        role="tabpanel"
        id={`${prefix}-view`}
        aria-labelledby={`${prefix}-tab-${tab}`}
      >
        {tab === 'charts' && <Charts model={model} trans={trans} />}
        {tab === 'values' && <Values model={model} detail={detail} trans={trans} />}
        {tab === 'artifacts' && (
          <Artifacts model={model} renderNotebook={props.renderNotebook} trans={trans} />
        )}
        {tab === 'record' && <Record model={model} detail={detail} trans={trans} />}
        {tab === 'lineage' && (
          <Lineage
            model={model}
            detail={detail}
            onRun={props.onRun}
            onJob={actions.openJob && props.onJob}
            trans={trans}
          />
        )}
      </div>
    </>
  );
}

const TABS: readonly RunTab[] = ['charts', 'values', 'artifacts', 'record', 'lineage'];

function label(tab: RunTab, trans: TranslationBundle): string {
  switch (tab) {
    case 'charts':
      return trans.__('Charts');
    case 'values':
      return trans.__('Values');
    case 'artifacts':
      return trans.__('Artifacts');
    case 'record':
      return trans.__('Record');
    case 'lineage':
      return trans.__('Lineage');
  }
}

function neighbour(tab: RunTab, key: string): RunTab | null {
  const at = TABS.indexOf(tab);
  switch (key) {
    case 'ArrowRight':
      return TABS[(at + 1) % TABS.length];
    case 'ArrowLeft':
      return TABS[(at + TABS.length - 1) % TABS.length];
    case 'Home':
      return TABS[0];
    case 'End':
      return TABS[TABS.length - 1];
    default:
      return null;
  }
}
