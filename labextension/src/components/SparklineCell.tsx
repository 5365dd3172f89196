import * as React from 'react';

import type { MetricValue, Sparkline } from '../api/runs';

const WIDTH = 56;
const HEIGHT = 18;
const PAD = 2;

/** The points of a line, for an SVG of WIDTH × HEIGHT. Pure. */
export function sparklinePath(x: readonly number[], y: readonly MetricValue[]): string {
  const points: [number, number][] = [];
  y.forEach((value, at) => {
    if (typeof value === 'number') {
      points.push([x[at], value]);
    }
  });
  if (!points.length) {
    return '';
  }
  const left = points[0][0];
  const width = points[points.length - 1][0] - left || 1;
  let low = Infinity;
  let high = -Infinity;
  for (const [, value] of points) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  // Of halves: the greatest numbers lie further apart than any number is great.
  const height = high / 2 - low / 2;
  return points
    .map(([at, value], index) => {
      const px = PAD + ((at - left) / width) * (WIDTH - 2 * PAD);
      const share = height > 0 ? (value / 2 - low / 2) / height : 0.5;
      const py = HEIGHT - PAD - share * (HEIGHT - 2 * PAD);
      return `${index ? 'L' : 'M'}${px.toFixed(1)} ${py.toFixed(1)}`;
    })
    .join('');
}

/** How a metric went, beside its last value. */
export function SparklineCell(props: { line: Sparkline | null }): React.JSX.Element {
  const { line } = props;
  const path = React.useMemo(() => (line ? sparklinePath(line.x, line.y) : ''), [line]);
  return (
    <svg
      className="jp-mlops-sparkline"
      width={WIDTH}
      height={HEIGHT}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      aria-hidden="true"
    >
      {line && line.x.length > 1 && <path d={path} />}
    </svg>
  );
}
