import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { formatValue } from './numbers';
import type { IRange } from './range';
import { isPlaceable } from './range';
import { readingsAt } from './reading';
import type { ILine } from './series';
import { firstAtLeast } from './series';
import { Swatch } from './Swatch';

const PLACES = 40;
const COLUMNS_MOST = 25;

export interface ISeriesTableProps {
  title: string;
  lines: readonly ILine[];
  range: IRange;
  formatPlace: (place: number) => string;
  placeName: string;
  trans: TranslationBundle;
}

/** The same as numbers: each line's least, greatest and last value, and values along the axis. */
export function SeriesTable(props: ISeriesTableProps): React.JSX.Element {
  const { range, trans } = props;
  const lines = props.lines.slice(0, COLUMNS_MOST);
  const left = props.lines.length - lines.length;
  const seen = lines.map(line => {
    const [first, end] = [
      firstAtLeast(line.x, range.from),
      firstAtLeast(line.x, range.to + Number.EPSILON)
    ];
    const last = line.x[end] === range.to ? end + 1 : end;
    return { line, values: line.raw.slice(first, last).filter(isPlaceable) };
  });
  const places = placesOf(lines, range);
  const tolerance = (range.to - range.from) / PLACES / 2;
  return (
    <div className="jp-mlops-chart-table" tabIndex={0}>
      <table className="jp-mlops-table">
        <caption className="jp-mlops-hidden">{props.title}</caption>
        <thead>
          <tr>
            <th scope="col">{props.placeName}</th>
            {lines.map(line => (
              <th key={line.id} scope="col">
                <Swatch style={line.style} /> {line.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <Summary
            name={trans.__('Least')}
            of={values => Math.min(...values)}
            seen={seen}
          />
          <Summary
            name={trans.__('Greatest')}
            of={values => Math.max(...values)}
            seen={seen}
          />
          <Summary
            name={trans.__('Last')}
            of={values => values[values.length - 1]}
            seen={seen}
          />
          {places.map(place => {
            const readings = readingsAt(lines, place, tolerance);
            return (
              <tr key={place}>
                <th scope="row">{props.formatPlace(place)}</th>
                {lines.map(line => {
                  const reading = readings.find(one => one.id === line.id);
                  return <td key={line.id}>{reading ? formatValue(reading.value) : ''}</td>;
                })}
              </tr>
            );
          })}
        </tbody>
      </table>
      {left > 0 && (
        <p>{trans._n('%1 series more is not listed.', '%1 more are not listed.', left)}</p>
      )}
    </div>
  );
}

function Summary(props: {
  name: string;
  of: (values: readonly number[]) => number;
  seen: readonly { line: ILine; values: readonly number[] }[];
}): React.JSX.Element {
  return (
    <tr className="jp-mod-summary">
      <th scope="row">{props.name}</th>
      {props.seen.map(({ line, values }) => (
        <td key={line.id}>{values.length ? formatValue(props.of(values)) : '—'}</td>
      ))}
    </tr>
  );
}

/** Places that points have, spread over the range. */
function placesOf(lines: readonly ILine[], range: IRange): number[] {
  const all = new Set<number>();
  for (const { x } of lines) {
    for (let index = firstAtLeast(x, range.from); x[index] <= range.to; index++) {
      all.add(x[index]);
    }
  }
  const sorted = [...all].sort((one, other) => one - other);
  if (sorted.length <= PLACES) {
    return sorted;
  }
  return Array.from(
    { length: PLACES },
    (_, index) => sorted[Math.round((index * (sorted.length - 1)) / (PLACES - 1))]
  );
}
