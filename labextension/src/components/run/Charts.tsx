import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { MetricSummary } from '../../api/types';
import { formatValue, toNumber } from '../../charts/numbers';
import type { Axis } from '../../charts/series';
import type { IMetricGroup } from '../../model/metricGroups';
import { groupMetrics, restOf, SYSTEM } from '../../model/metricGroups';
import type { RunModel } from '../../model/run';
import { ChartCard } from './ChartCard';

/** Charts of a group before somebody asks for more. */
const CHARTS_MOST = 24;
/** Numbers of a group that are listed; all of them are in the table. */
const VALUES_MOST = 60;

// Code is the same in every language.
const EXAMPLE = 'mlops.log(loss=0.1)';

/** How curves are drawn; the same for all of a run. */
export interface IDrawing {
  readonly scale: 'linear' | 'log';
  readonly smoothing: number;
}

/** The run's metrics as charts, by the beginnings of their names. */
export function Charts(props: {
  model: RunModel;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { model, trans } = props;
  const [words, setWords] = React.useState('');
  const [drawing, setDrawing] = React.useState<IDrawing>({ scale: 'linear', smoothing: 0 });
  const watch = useInView(model);
  const { metrics } = model;
  const groups = React.useMemo(
    () => groupMetrics(metrics.values(), words),
    [metrics, words]
  );
  const shown = groups.reduce(
    (sum, { curves, values }) => sum + curves.length + values.length,
    0
  );

  if (!metrics.size) {
    return (
      <div className="jp-mlops-empty" role="status">
        <h3>{trans.__('No metrics yet')}</h3>
        <p>{trans.__('What the notebook logs is drawn here while it runs:')}</p>
        <pre>{EXAMPLE}</pre>
      </div>
    );
  }
  return (
    <>
      <div className="jp-mlops-charts-bar" role="toolbar" aria-label={trans.__('Charts')}>
        <input
          type="search"
          className="jp-mlops-filter"
          placeholder={trans.__('Search metrics')}
          aria-label={trans.__('Search metrics')}
          value={words}
          spellCheck={false}
          onChange={event => setWords(event.target.value)}
        />
        <label>
          {trans.__('Axis')}
          <select
            className="jp-mlops-filter"
            value={model.curves.axis}
            onChange={event => model.setAxis(event.target.value as Axis)}
          >
            <option value="step">{trans.__('Step')}</option>
            <option value="relative">{trans.__('Time since start')}</option>
            <option value="time">{trans.__('Time of day')}</option>
          </select>
        </label>
        <label>
          <input
            type="checkbox"
            checked={drawing.scale === 'log'}
            onChange={event =>
              setDrawing({ ...drawing, scale: event.target.checked ? 'log' : 'linear' })
            }
          />
          {trans.__('Log scale')}
        </label>
        <label>
          {trans.__('Smoothing')}
          <input
            type="range"
            min={0}
            max={0.99}
            step={0.01}
            value={drawing.smoothing}
            aria-valuetext={drawing.smoothing.toFixed(2)}
            onChange={event =>
              setDrawing({ ...drawing, smoothing: Number(event.target.value) })
            }
          />
        </label>
      </div>
      {model.detail?.cut && (
        <p className="jp-mlops-quiet">
          {trans.__(
            'The run has more metrics than can be told at once: these are the first %1 by name.',
            metrics.size.toLocaleString()
          )}
        </p>
      )}
      {!shown && (
        <p className="jp-mlops-quiet" role="status">
          {trans.__('No metric has these words.')}
        </p>
      )}
      <div className="jp-mlops-charts-groups">
        {groups.map(group => (
          <Group
            key={group.name}
            group={group}
            // The machine's own are of interest when something is slow.
            begins={groups.length === 1 || group.name !== SYSTEM}
            model={model}
            drawing={drawing}
            watch={watch}
            trans={trans}
          />
        ))}
      </div>
    </>
  );
}

/** A small group shares its line with others. */
function sizeOf({ curves, values }: IMetricGroup): 'single' | 'double' | 'large' {
  if (values.length > 3 || curves.length > 2) {
    return 'large';
  }
  return curves.length === 2 ? 'double' : 'single';
}

type Watch = (key: string, node: HTMLElement | null) => void;

function Group(props: {
  group: IMetricGroup;
  begins: boolean;
  model: RunModel;
  drawing: IDrawing;
  watch: Watch;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { group, model, trans } = props;
  const [open, setOpen] = React.useState(props.begins);
  const [most, setMost] = React.useState(CHARTS_MOST);
  const more = group.curves.length - most;
  return (
    <section className="jp-mlops-charts-group" data-size={open ? sizeOf(group) : 'large'}>
      <h3>
        <button
          type="button"
          className="jp-mlops-disclosure"
          aria-expanded={open}
          onClick={() => setOpen(!open)}
        >
          {group.name || trans.__('Metrics')}
          <span className="jp-mlops-count">
            {group.curves.length + group.values.length}
          </span>
        </button>
      </h3>
      {open && group.values.length > 0 && <Values values={group.values} />}
      {open && (
        <div className="jp-mlops-charts-grid">
          {group.curves.slice(0, most).map(metric => (
            <ChartCard
              key={metric.key}
              metric={metric}
              curve={model.curves.get(metric.key)}
              model={model}
              drawing={props.drawing}
              watch={props.watch}
              trans={trans}
            />
          ))}
        </div>
      )}
      {open && more > 0 && (
        <button
          type="button"
          className="jp-mlops-button"
          onClick={() => setMost(most + CHARTS_MOST)}
        >
          {trans.__('Show %1 of %2 more', Math.min(more, CHARTS_MOST), more)}
        </button>
      )}
    </section>
  );
}

/** What was logged once: a number says it all. */
function Values(props: { values: readonly MetricSummary[] }): React.JSX.Element {
  return (
    <dl className="jp-mlops-charts-values">
      {props.values.slice(0, VALUES_MOST).map(({ key, last }) => (
        <div key={key} title={key}>
          <dt>{restOf(key)}</dt>
          <dd>{formatValue(toNumber(last))}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Tells the model which charts are in view: only their points are asked for. */
function useInView(model: RunModel): Watch {
  const state = React.useRef({
    nodes: new Map<Element, string>(),
    seen: new Set<string>(),
    timer: 0,
    observer: null as IntersectionObserver | null
  }).current;
  React.useEffect(
    () => () => {
      state.observer?.disconnect();
      window.clearTimeout(state.timer);
      model.setWanted([]);
    },
    [model]
  );
  return React.useCallback(
    (key, node) => {
      state.observer ??= new IntersectionObserver(
        entries => {
          for (const entry of entries) {
            const name = state.nodes.get(entry.target);
            if (name !== undefined) {
              state.seen[entry.isIntersecting ? 'add' : 'delete'](name);
            }
          }
          window.clearTimeout(state.timer);
          state.timer = window.setTimeout(() => model.setWanted([...state.seen]), 50);
        },
        { rootMargin: '200px' }
      );
      if (node) {
        state.nodes.set(node, key);
        state.observer.observe(node);
        return;
      }
      for (const [known, name] of state.nodes) {
        if (name === key) {
          state.nodes.delete(known);
          state.seen.delete(name);
          state.observer.unobserve(known);
        }
      }
    },
    [model]
  );
}
