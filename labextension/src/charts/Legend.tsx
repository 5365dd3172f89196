import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { ISeries } from './series';
import { Swatch } from './Swatch';

export interface ILegendProps {
  series: readonly ISeries[];
  hidden: ReadonlySet<string>;
  onHidden: (hidden: ReadonlySet<string>) => void;
  onEmphasized: (id: string | null) => void;
  trans: TranslationBundle;
}

/** Which line is whose; each can be hidden, or with Alt all others. */
export function Legend(props: ILegendProps): React.JSX.Element {
  const { series, hidden, trans } = props;
  const toggle = (id: string, alone: boolean) => {
    if (alone) {
      const others = series.filter(one => one.id !== id).map(one => one.id);
      const isAlone = !hidden.has(id) && others.every(one => hidden.has(one));
      props.onHidden(new Set(isAlone ? [] : others));
      return;
    }
    const next = new Set(hidden);
    if (!next.delete(id)) {
      next.add(id);
    }
    props.onHidden(next);
  };
  return (
    <div className="jp-mlops-legend" role="group" aria-label={trans.__('Series')}>
      {series.map((one, index) => (
        <button
          key={one.id}
          type="button"
          className="jp-mlops-legend-item"
          aria-pressed={!hidden.has(one.id)}
          title={trans.__(
            '%1: click to hide or show, Alt-click to show it alone',
            one.label
          )}
          onClick={event => toggle(one.id, event.altKey)}
          onPointerEnter={() => props.onEmphasized(one.id)}
          onPointerLeave={() => props.onEmphasized(null)}
          onFocus={() => props.onEmphasized(one.id)}
          onBlur={() => props.onEmphasized(null)}
        >
          <Swatch style={one.style ?? index} />
          <span>{one.label}</span>
        </button>
      ))}
    </div>
  );
}
