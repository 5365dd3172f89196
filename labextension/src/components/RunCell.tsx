import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { MetricValue, RunGroup, RunRow } from '../api/runs';
import type { IColumn } from '../model/runColumns';
import { formatMetric, kindOf, lowerIsBetter, nameOf } from '../model/runColumns';
import type { IRunsView } from '../model/runsView';
import type { Sparklines } from '../model/sparklines';
import { formatDuration } from '../time';
import { Elapsed, RelativeTime } from './Clock';
import { runStatusLabel } from './RunStatus';
import { SparklineCell } from './SparklineCell';

/** Two values share a cell. */
const GROUP_DIGITS = 4;

/** What a run has in a column. */
export function RunCell(props: {
  column: IColumn;
  run: RunRow;
  sparklines: Sparklines | null;
  trans: TranslationBundle;
}): React.JSX.Element | null {
  const { column, run, sparklines, trans } = props;
  const name = nameOf(column.key);
  switch (kindOf(column.key)) {
    case 'metrics': {
      const value = run.metrics[name] as MetricValue | undefined;
      return (
        <>
          {sparklines && value !== undefined && (
            <SparklineCell line={sparklines.get(run.id, name)} />
          )}
          <span
            className="jp-mlops-grid-value"
            title={value === undefined ? '' : String(value)}
          >
            {formatMetric(value)}
          </span>
        </>
      );
    }
    case 'params':
      return <Text text={run.params[name]} />;
    case 'tags':
      return <Text text={run.tags[name] ?? run.own_tags[name]} />;
    case 'attributes':
      return <AttributeCell name={name} run={run} trans={trans} />;
  }
}

function AttributeCell(props: {
  name: string;
  run: RunRow;
  trans: TranslationBundle;
}): React.JSX.Element | null {
  const { name, run, trans } = props;
  switch (name) {
    case 'start_time':
      return run.started_at ? <RelativeTime epoch={run.started_at} trans={trans} /> : null;
    case 'end_time':
      return run.ended_at ? <RelativeTime epoch={run.ended_at} trans={trans} /> : null;
    case 'duration':
      if (!run.started_at) {
        return null;
      }
      if (run.ended_at) {
        return <Text text={formatDuration(run.ended_at - run.started_at, trans)} />;
      }
      return run.status === 'RUNNING' ? (
        <Elapsed from={run.started_at} trans={trans} />
      ) : null;
    case 'status':
      return <Text text={runStatusLabel(run.status, trans)} />;
    case 'user_id':
      return <Text text={run.user} />;
    case 'experiment':
      return <Text text={run.experiment} />;
    case 'notebook':
      return <Text text={run.own_tags['mlops.notebook']} />;
    case 'commit':
      return <Text text={run.own_tags['mlflow.source.git.commit']?.slice(0, 10)} code />;
    case 'reproducible':
      return <Text text={run.own_tags['mlops.reproducible']} />;
    case 'note':
      return <Text text={run.note} />;
    default:
      return <Text text={run.id} code />;
  }
}

function Text(props: {
  text: string | undefined;
  code?: boolean;
}): React.JSX.Element | null {
  const { text, code } = props;
  if (!text) {
    return null;
  }
  return code ? <code title={text}>{text}</code> : <span title={text}>{text}</span>;
}

/** A metric in the runs of a group: the best of them, and their mean. */
export function GroupCell(props: {
  column: IColumn;
  group: RunGroup;
  view: IRunsView;
  trans: TranslationBundle;
}): React.JSX.Element | null {
  const { column, group, view, trans } = props;
  if (kindOf(column.key) === 'attributes') {
    return column.key === 'attributes.start_time' && group.last_started ? (
      <RelativeTime epoch={group.last_started} trans={trans} />
    ) : null;
  }
  const found = kindOf(column.key) === 'metrics' ? group.metrics[nameOf(column.key)] : null;
  if (!found) {
    return null;
  }
  const order = view.order.find(one => one.key === column.key);
  const least = order ? !order.descending : lowerIsBetter(nameOf(column.key));
  const [low, high, mean] = [found.min, found.max, found.mean].map(value =>
    formatMetric(value, GROUP_DIGITS)
  );
  return (
    <span
      className="jp-mlops-grid-value"
      title={trans._n(
        'least %2, mean %3, greatest %4 of %1 run',
        'least %2, mean %3, greatest %4 of %1 runs',
        found.count,
        low,
        mean,
        high
      )}
    >
      <span className="jp-mlops-grid-mean">{`⌀ ${mean}`}</span>
      <b>{least ? low : high}</b>
    </span>
  );
}
