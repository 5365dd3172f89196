import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { Comparison } from '../../api/comparison';
import { isBestLog } from '../../charts/dimension';
import type { ISubject } from '../../charts/ParallelCoordinates';
import { ParallelCoordinates } from '../../charts/ParallelCoordinates';
import { dimensionsOf, firstAxes } from '../../model/dimensions';
import { NamePicker } from './NamePicker';
import { useHeight } from './viewHeight';

const AXES_MOST = 16;

export interface IDimensionViewProps {
  comparison: Comparison;
  subjects: readonly ISubject[];
  emphasized: string | null;
  onEmphasized: (id: string | null) => void;
  onOpen: ((id: string) => void) | null;
  trans: TranslationBundle;
}

/** Parameters and metrics of all runs as parallel axes, which the person chooses. */
export function ParallelView(props: IDimensionViewProps): React.JSX.Element {
  const { comparison, trans } = props;
  const [host, height] = useHeight();
  const all = React.useMemo(() => dimensionsOf(comparison), [comparison]);
  const [chosen, setChosen] = React.useState<readonly string[] | null>(null);
  const [turned, setTurned] = React.useState<ReadonlySet<string>>(new Set());
  const keys = chosen ?? firstAxes(all);
  const dimensions = React.useMemo(
    () => keys.flatMap(key => all.find(one => one.key === key) ?? []),
    [all, keys.join('\n')]
  );
  // Where powers say it better, that is how it begins.
  const logs = React.useMemo(
    () =>
      new Set(
        all.filter(one => isBestLog(one) !== turned.has(one.key)).map(({ key }) => key)
      ),
    [all, turned]
  );
  return (
    <div className="jp-mlops-dimensions">
      <div className="jp-mlops-bar">
        <NamePicker
          label={trans.__('Axes')}
          names={all}
          chosen={keys}
          most={AXES_MOST}
          onChosen={setChosen}
          trans={trans}
        />
      </div>
      <div ref={host} className="jp-mlops-dimensions-view">
        {dimensions.length ? (
          <ParallelCoordinates
            title={trans.__('Parameters and metrics')}
            subjects={props.subjects}
            dimensions={dimensions}
            logs={logs}
            onOrder={setChosen}
            onLog={key => {
              const next = new Set(turned);
              if (!next.delete(key)) {
                next.add(key);
              }
              setTurned(next);
            }}
            onRemove={key => setChosen(keys.filter(one => one !== key))}
            emphasized={props.emphasized}
            onEmphasized={props.onEmphasized}
            height={Math.max(240, height - 60)}
            trans={trans}
          />
        ) : (
          <div className="jp-mlops-empty" role="status">
            {all.length
              ? trans.__('Choose the axes to be drawn.')
              : trans.__('These runs differ in no parameter and no metric.')}
          </div>
        )}
      </div>
    </div>
  );
}
