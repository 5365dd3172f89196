import * as React from 'react';

/** A line of a list of facts. */
export function Fact(props: {
  name: string;
  children: React.ReactNode;
}): React.JSX.Element {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd>{props.children}</dd>
    </div>
  );
}
