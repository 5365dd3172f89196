import * as React from 'react';

import { colourOf, dashesOf } from './palette';

/** A piece of a series' line: its colour and its dashes. */
export function Swatch(props: { style: number }): React.JSX.Element {
  return (
    <svg
      className="jp-mlops-swatch"
      width="18"
      height="10"
      aria-hidden="true"
      focusable="false"
    >
      <line
        x1="0"
        x2="18"
        y1="5"
        y2="5"
        stroke={colourOf(props.style)}
        strokeWidth="2.5"
        strokeDasharray={dashesOf(props.style).join(' ')}
      />
    </svg>
  );
}
