import * as React from 'react';

import { useSize } from '../../charts/dom';

/** A node, and how high it is: a chart fills its view. */
export function useHeight(): [React.RefObject<HTMLDivElement>, number] {
  const node = React.useRef<HTMLDivElement>(null);
  const [, height] = useSize(node);
  return [node, height];
}
