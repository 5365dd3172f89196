import * as React from 'react';

/** Rows to come, while they are loading. */
export function Skeleton(props: {
  /** What is loading, for who can't see it. */
  label: string;
  rows: number;
  className: string;
}): React.JSX.Element {
  return (
    <div className={props.className} role="status" aria-label={props.label}>
      {Array.from({ length: props.rows }, (_, index) => (
        <div key={index} className="jp-mlops-skeleton-row" />
      ))}
    </div>
  );
}
