import * as React from 'react';

/** A part that is made when it is opened first. */
export function Later(props: {
  summary: string;
  open?: boolean;
  children: () => React.ReactNode;
}): React.JSX.Element {
  const [open, setOpen] = React.useState(props.open ?? false);
  const [made, setMade] = React.useState(open);
  return (
    <details
      open={open}
      onToggle={event => {
        setOpen(event.currentTarget.open);
        setMade(made || event.currentTarget.open);
      }}
    >
      <summary>{props.summary}</summary>
      {made && props.children()}
    </details>
  );
}
