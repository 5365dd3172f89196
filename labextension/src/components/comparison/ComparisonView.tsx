import type { TranslationBundle } from '@jupyterlab/translation';
import { UseSignal } from '@jupyterlab/ui-components';
import * as React from 'react';

import { COMPARED_MOST } from '../../api/comparison';
import { reportIcon } from '../../runIcons';
import type { ComparisonModel } from '../../model/comparison';
import { ErrorNotice } from '../ErrorNotice';
import { AddRun } from './AddRun';
import { ChangesView } from './ChangesView';
import { CHART_SETTINGS } from './ChartControls';
import { ChosenRuns } from './ChosenRuns';
import { DifferenceTable } from './DifferenceTable';
import { MetricCharts } from './MetricCharts';
import { distinctNames, nameOf } from './names';
import { ParallelView } from './ParallelView';
import { ScatterView } from './ScatterView';

export type ComparisonTab = 'overview' | 'charts' | 'parallel' | 'scatter' | 'changes';

export interface IComparisonViewProps {
  model: ComparisonModel;
  tab: ComparisonTab;
  onTab: (tab: ComparisonTab) => void;
  onOpen: ((id: string) => void) | null;
  /** Makes a report of runs; null where there is no such thing. */
  onReport: ((ids: readonly string[]) => void) | null;
  /** Ids in the document begin with it. */
  id: string;
  trans: TranslationBundle;
}

/** Chosen runs beside each other. */
export function ComparisonView(props: IComparisonViewProps): React.JSX.Element {
  return (
    <UseSignal signal={props.model.changed}>{() => <Compared {...props} />}</UseSignal>
  );
}

function Compared(props: IComparisonViewProps): React.JSX.Element {
  const { model, tab, trans } = props;
  const { chosen, comparison, error } = model;
  const [settings, setSettings] = React.useState(CHART_SETTINGS);
  const [emphasized, setEmphasized] = React.useState<string | null>(null);
  const names = React.useMemo(() => distinctNames(chosen), [chosen]);
  const experiments = React.useMemo(
    () => [...new Set(chosen.flatMap(({ run }) => (run ? [run.experiment_id] : [])))],
    [chosen]
  );
  // In the order of the comparison, which is that of its values.
  const subjects = React.useMemo(
    () =>
      (comparison?.runs ?? []).flatMap(({ id }) =>
        chosen
          .filter(one => one.id === id)
          .map(one => ({ id, label: names.get(id) ?? nameOf(one), style: one.style }))
      ),
    [comparison, chosen, names]
  );
  const all = tabs(trans);
  // One that was deleted keeps the others from being compared: the message names it.
  const missing =
    error?.code === 'run_not_found'
      ? chosen.find(({ id }) => error.message.includes(id))
      : undefined;
  return (
    <div className="jp-mlops-comparison">
      <header className="jp-mlops-comparison-head">
        <div className="jp-mlops-comparison-line">
          <h2>{trans._n('%1 run', '%1 runs', chosen.length)}</h2>
          <ChosenRuns
            runs={chosen}
            names={names}
            baseline={model.baseline}
            onBaseline={id => model.setBaseline(id)}
            onRemove={id => model.remove(id)}
            onOpen={props.onOpen}
            emphasized={emphasized}
            onEmphasized={setEmphasized}
            trans={trans}
          />
          <AddRun
            client={model.client}
            experiments={experiments}
            chosen={new Set(model.runs)}
            full={chosen.length >= COMPARED_MOST}
            onAdd={id => model.add(id)}
            trans={trans}
          />
          {props.onReport && (
            <button
              type="button"
              className="jp-mlops-button jp-mlops-labelled"
              disabled={!chosen.length}
              title={trans.__('A notebook about these runs that is read without a server')}
              onClick={() => props.onReport?.(model.runs)}
            >
              <reportIcon.react tag="span" width="14px" height="14px" />
              {trans.__('Report…')}
            </button>
          )}
        </div>
        {error &&
          (missing ? (
            <div className="jp-mlops-notice jp-mod-error" role="alert">
              <div className="jp-mlops-notice-what">
                {trans.__('%1 is not there any more.', names.get(missing.id) ?? missing.id)}
              </div>
              <button
                type="button"
                className="jp-mlops-link"
                onClick={() => model.remove(missing.id)}
              >
                {trans.__('Remove it and compare the others')}
              </button>
            </div>
          ) : (
            <ErrorNotice error={error} onRetry={() => void model.refresh()} trans={trans} />
          ))}
        <div className="jp-mlops-tabs">
          <div
            role="tablist"
            aria-label={trans.__('Views of the comparison')}
            onKeyDown={event => {
              const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
              if (step) {
                event.preventDefault();
                const at = all.findIndex(([name]) => name === tab);
                const next = (at + step + all.length) % all.length;
                props.onTab(all[next][0]);
                (event.currentTarget.children[next] as HTMLElement).focus();
              }
            }}
          >
            {all.map(([name, text]) => (
              <button
                key={name}
                type="button"
                role="tab"
                id={`${props.id}-tab-${name}`}
                aria-controls={`${props.id}-view`}
                aria-selected={tab === name}
                tabIndex={tab === name ? 0 : -1}
                className="jp-mlops-tab"
                onClick={() => props.onTab(name)}
              >
                {text}
              </button>
            ))}
          </div>
        </div>
      </header>
      <div
        className="jp-mlops-comparison-view"
        role="tabpanel"
        id={`${props.id}-view`}
        aria-labelledby={`${props.id}-tab-${tab}`}
      >
        {!chosen.length ? (
          <div className="jp-mlops-empty" role="status">
            {trans.__('No run is chosen. Add some to see where they differ.')}
          </div>
        ) : !comparison ? (
          !error && (
            <div className="jp-mlops-empty" role="status">
              {trans.__('Loading…')}
            </div>
          )
        ) : tab === 'overview' ? (
          <DifferenceTable
            runs={chosen}
            names={names}
            baseline={model.baseline}
            comparison={comparison}
            details={model.details}
            onWantDetails={() => model.wantDetails()}
            trans={trans}
          />
        ) : tab === 'charts' ? (
          <MetricCharts
            model={model}
            runs={chosen}
            names={names}
            settings={settings}
            onSettings={setSettings}
            emphasized={emphasized}
            trans={trans}
          />
        ) : chosen.length < 2 && (tab === 'parallel' || tab === 'scatter') ? (
          <div className="jp-mlops-empty" role="status">
            {trans.__('Add a second run to see where they differ.')}
          </div>
        ) : tab === 'parallel' ? (
          <ParallelView
            comparison={comparison}
            subjects={subjects}
            emphasized={emphasized}
            onEmphasized={setEmphasized}
            onOpen={props.onOpen}
            trans={trans}
          />
        ) : tab === 'changes' ? (
          <ChangesView
            client={model.client}
            runs={chosen}
            names={names}
            baseline={model.baseline}
            trans={trans}
          />
        ) : (
          <ScatterView
            comparison={comparison}
            subjects={subjects}
            emphasized={emphasized}
            onEmphasized={setEmphasized}
            onOpen={props.onOpen}
            trans={trans}
          />
        )}
      </div>
    </div>
  );
}

function tabs(trans: TranslationBundle): [ComparisonTab, string][] {
  return [
    ['overview', trans.__('Overview')],
    ['charts', trans.__('Charts')],
    ['parallel', trans.__('Parallel coordinates')],
    ['scatter', trans.__('Scatter')],
    ['changes', trans.__('Changes')]
  ];
}
