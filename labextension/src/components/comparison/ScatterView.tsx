import * as React from 'react';

import type { IDimension } from '../../charts/dimension';
import { canBeLog, isBestLog } from '../../charts/dimension';
import { Scatter } from '../../charts/Scatter';
import { dimensionsOf, firstPair } from '../../model/dimensions';
import type { IDimensionViewProps } from './ParallelView';
import { useHeight } from './viewHeight';

/** Any parameter or metric against any other. */
export function ScatterView(props: IDimensionViewProps): React.JSX.Element {
  const { comparison, trans } = props;
  const [host, height] = useHeight();
  const all = React.useMemo(() => dimensionsOf(comparison), [comparison]);
  const [pair, setPair] = React.useState<readonly [string, string] | null>(null);
  const [turned, setTurned] = React.useState<ReadonlySet<string>>(new Set());
  const first = firstPair(all);
  const find = (at: 0 | 1) =>
    all.find(({ key }) => key === pair?.[at]) ?? all.find(({ key }) => key === first?.[at]);
  const [x, y] = [find(0), find(1)];
  if (!x || !y) {
    return (
      <div className="jp-mlops-empty" role="status">
        {trans.__('These runs differ in no parameter and no metric.')}
      </div>
    );
  }
  const isLog = (one: IDimension) => isBestLog(one) !== turned.has(one.key);
  const turn = ({ key }: IDimension) => {
    const next = new Set(turned);
    if (!next.delete(key)) {
      next.add(key);
    }
    setTurned(next);
  };
  const choice = (label: string, one: IDimension, onKey: (key: string) => void) => (
    <span className="jp-mlops-labelled">
      <label className="jp-mlops-control">
        {label}
        <select value={one.key} onChange={event => onKey(event.target.value)}>
          {(['params', 'metrics'] as const).map(section => (
            <optgroup
              key={section}
              label={section === 'params' ? trans.__('Parameters') : trans.__('Metrics')}
            >
              {all
                .filter(({ key }) => key.startsWith(`${section}.`))
                .map(({ key, name }) => (
                  <option key={key} value={key}>
                    {name}
                  </option>
                ))}
            </optgroup>
          ))}
        </select>
      </label>
      <label className="jp-mlops-check">
        <input
          type="checkbox"
          checked={isLog(one)}
          disabled={!canBeLog(one)}
          aria-label={trans.__('Logarithmic: %1', one.name)}
          onChange={() => turn(one)}
        />
        {trans.__('log')}
      </label>
    </span>
  );
  return (
    <div className="jp-mlops-dimensions">
      <div className="jp-mlops-bar">
        {choice(trans.__('Horizontal'), x, key => setPair([key, y.key]))}
        {choice(trans.__('Vertical'), y, key => setPair([x.key, key]))}
        <button
          type="button"
          className="jp-mlops-button"
          onClick={() => setPair([y.key, x.key])}
        >
          {trans.__('Swap')}
        </button>
      </div>
      <div ref={host} className="jp-mlops-dimensions-view">
        <Scatter
          title={trans.__('%1 against %2', y.name, x.name)}
          subjects={props.subjects}
          x={x}
          y={y}
          xLog={isLog(x)}
          yLog={isLog(y)}
          emphasized={props.emphasized}
          onEmphasized={props.onEmphasized}
          onOpen={props.onOpen}
          height={Math.max(220, height - 72)}
          trans={trans}
        />
      </div>
    </div>
  );
}
