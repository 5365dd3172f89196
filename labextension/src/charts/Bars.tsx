import * as React from 'react';

import { formatValue } from './numbers';
import type { ISubject } from './ParallelCoordinates';
import { colourOf } from './palette';
import { extent, isPlaceable } from './range';

export interface IBarsProps {
  title: string;
  bars: readonly { subject: ISubject; value: number }[];
  emphasized: string | null;
}

/** One value each, from zero on: what a line of one point says badly. */
export function Bars(props: IBarsProps): React.JSX.Element {
  const { bars, emphasized } = props;
  const range = extent([0, ...bars.map(({ value }) => value)]) ?? { from: 0, to: 1 };
  const span = range.to - range.from || 1;
  const part = (value: number) => `${(Math.abs(value) / span) * 100}%`;
  const zero = `${(-range.from / span) * 100}%`;
  return (
    <table className="jp-mlops-bars">
      <caption className="jp-mlops-hidden">{props.title}</caption>
      <tbody>
        {bars.map(({ subject, value }) => (
          <tr
            key={subject.id}
            data-faded={
              emphasized !== null && emphasized !== subject.id ? 'true' : undefined
            }
          >
            <th scope="row" title={subject.label}>
              {subject.label}
            </th>
            <td className="jp-mlops-bars-track">
              {isPlaceable(value) && (
                <div
                  style={{
                    background: colourOf(subject.style),
                    marginLeft: value < 0 ? `calc(${zero} - ${part(value)})` : zero,
                    width: part(value)
                  }}
                />
              )}
            </td>
            <td className="jp-mlops-bars-value">{formatValue(value)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
