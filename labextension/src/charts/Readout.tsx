import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { formatValue } from './numbers';
import type { IReading } from './reading';
import { Swatch } from './Swatch';

const ROWS_MOST = 12;

export interface IReadoutProps {
  /** What the place is called. */
  place: string;
  readings: readonly IReading[];
  /** The one next to the pointer. */
  nearest: string | null;
  smoothed: boolean;
  trans: TranslationBundle;
}

/** All lines' values at one place, greatest first. */
export function Readout(props: IReadoutProps): React.JSX.Element {
  const { readings, nearest, smoothed, trans } = props;
  const cut = readings.length - ROWS_MOST;
  // Around the one that is pointed at, where not all have room.
  const at = Math.max(
    0,
    readings.findIndex(one => one.id === nearest)
  );
  const first = cut > 0 ? Math.max(0, Math.min(at - ROWS_MOST / 2, cut)) : 0;
  return (
    <div className="jp-mlops-readout">
      <div className="jp-mlops-readout-place">{props.place}</div>
      <table>
        <tbody>
          {readings.slice(first, first + ROWS_MOST).map(one => (
            <tr key={one.id} className={one.id === nearest ? 'jp-mod-nearest' : ''}>
              <td>
                <Swatch style={one.style} />
              </td>
              <td className="jp-mlops-readout-label">{one.label}</td>
              <td className="jp-mlops-readout-value">{formatValue(one.value)}</td>
              {smoothed && (
                <td className="jp-mlops-readout-value jp-mod-raw">
                  {formatValue(one.raw)}
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
      {cut > 0 && (
        <div className="jp-mlops-readout-cut">
          {trans._n('and %1 more', 'and %1 more', cut)}
        </div>
      )}
    </div>
  );
}
