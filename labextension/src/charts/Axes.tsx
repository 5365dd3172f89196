import * as React from 'react';

import type { IScale } from './scale';

export interface ITick {
  readonly at: number;
  readonly label: string;
}

export interface IAxesProps {
  x: IScale;
  y: IScale;
  xTicks: readonly ITick[];
  yTicks: readonly ITick[];
  /** Of the plot itself, without labels. */
  width: number;
  height: number;
  left: number;
}

/** Grid lines and labels around a plot; said to nobody, since the summary says what matters. */
export const Axes = React.memo(function Axes(props: IAxesProps): React.JSX.Element {
  const { x, y, width, height, left } = props;
  return (
    <svg
      className="jp-mlops-chart-axes"
      width={left + width}
      height={height + 20}
      aria-hidden="true"
      focusable="false"
    >
      {props.yTicks.map(({ at, label }) => {
        const down = (1 - y.toUnit(at)) * height;
        return (
          <g key={at}>
            <line x1={left} x2={left + width} y1={down} y2={down} />
            <text x={left - 6} y={down} dy="0.32em" textAnchor="end">
              {label}
            </text>
          </g>
        );
      })}
      {props.xTicks.map(({ at, label }) => {
        const across = left + x.toUnit(at) * width;
        return (
          <g key={at}>
            <line
              className="jp-mod-tick"
              x1={across}
              x2={across}
              y1={height}
              y2={height + 4}
            />
            <text x={across} y={height + 15} textAnchor={anchor(across - left, width)}>
              {label}
            </text>
          </g>
        );
      })}
      <line
        className="jp-mod-base"
        x1={left}
        x2={left + width}
        y1={height + 0.5}
        y2={height + 0.5}
      />
    </svg>
  );
});

/** Labels at the ends stay inside. */
function anchor(across: number, width: number): 'start' | 'middle' | 'end' {
  return across > width - 16 ? 'end' : 'middle';
}
