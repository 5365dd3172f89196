import { Widget } from '@lumino/widgets';
import * as React from 'react';

/** Makes a view of a notebook's document. */
export type RenderNotebook = (notebook: object) => React.ReactNode;

/** A Lumino widget inside of a React component; it is disposed with it. */
export function Hosted(props: {
  make: () => Widget;
  className?: string;
}): React.JSX.Element {
  const place = React.useRef<HTMLDivElement>(null);
  React.useEffect(() => {
    const node = place.current;
    if (!node) {
      return;
    }
    const widget = props.make();
    Widget.attach(widget, node);
    return () => widget.dispose();
  }, [props.make]);
  return <div ref={place} className={props.className} />;
}
