import * as React from 'react';

export interface IVirtualProps {
  count: number;
  /** Pixels; every row has the same height, so ten thousand cost as much as twenty. */
  rowHeight: number;
  renderRow: (index: number) => React.ReactNode;
  /** Kept in view when it changes. */
  activeIndex?: number;
  /** Called when the last rows come near. */
  onNearEnd?: () => void;
}

const OVERSCAN = 6;

/** Only the rows in view are in the document. */
export function Virtual(props: IVirtualProps): React.JSX.Element {
  const { count, rowHeight, renderRow, activeIndex, onNearEnd } = props;
  const viewport = React.useRef<HTMLDivElement>(null);
  const [top, setTop] = React.useState(0);
  const [height, setHeight] = React.useState(400);

  React.useLayoutEffect(() => {
    const node = viewport.current;
    if (!node || typeof ResizeObserver === 'undefined') {
      return;
    }
    const observer = new ResizeObserver(() => setHeight(node.clientHeight));
    observer.observe(node);
    setHeight(node.clientHeight || 400);
    return () => observer.disconnect();
  }, []);

  React.useEffect(() => {
    const node = viewport.current;
    if (!node || activeIndex === undefined || activeIndex < 0) {
      return;
    }
    const start = activeIndex * rowHeight;
    if (start < node.scrollTop) {
      node.scrollTop = start;
    } else if (start + rowHeight > node.scrollTop + node.clientHeight) {
      node.scrollTop = start + rowHeight - node.clientHeight;
    }
  }, [activeIndex, rowHeight]);

  const first = Math.max(0, Math.floor(top / rowHeight) - OVERSCAN);
  const last = Math.min(count, Math.ceil((top + height) / rowHeight) + OVERSCAN);
  React.useEffect(() => {
    if (onNearEnd && count > 0 && last >= count - OVERSCAN) {
      onNearEnd();
    }
  }, [last, count, onNearEnd]);

  const rows: React.ReactNode[] = [];
  for (let index = first; index < last; index++) {
    rows.push(renderRow(index));
  }
  return (
    <div
      ref={viewport}
      className="jp-mlops-virtual"
      role="presentation"
      onScroll={event => setTop(event.currentTarget.scrollTop)}
    >
      <div
        role="presentation"
        style={{ height: count * rowHeight, paddingTop: first * rowHeight }}
        className="jp-mlops-virtual-content"
      >
        {rows}
      </div>
    </div>
  );
}
