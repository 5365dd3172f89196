import type { TranslationBundle } from '@jupyterlab/translation';
import { caretDownIcon, caretUpIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { IColumn } from '../model/runColumns';
import {
  columnLabel,
  kindLabel,
  kindOf,
  moved,
  orderKey,
  resized
} from '../model/runColumns';
import type { RunsTableModel } from '../model/runsTable';
import { ordered } from '../model/runsView';

/** Pixels that a pointer moves before it drags. */
const DRAG_PX = 5;

/** The heads of the columns: a click orders, dragging moves, the edge makes wider. */
export function GridHead(props: {
  model: RunsTableModel;
  prefix: string;
  sight: { first: number; last: number; before: number };
  /** The column that the keyboard is on; null when it is on a row. */
  active: number | null;
  width: number;
  onColumnMenu: (key: string, x: number, y: number) => void;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { model, prefix, sight, active, trans } = props;
  const { columns, view } = model;
  const head = React.useRef<HTMLDivElement>(null);
  const [drag, setDrag] = React.useState<{ key: string; to: number } | null>(null);

  /** Before which column a pointer is. */
  const placeAt = (x: number): number => {
    let left = (head.current?.getBoundingClientRect().left ?? 0) + view.nameWidth;
    for (const [index, { width }] of columns.entries()) {
      if (x < left + width / 2) {
        return index;
      }
      left += width;
    }
    return columns.length;
  };

  const grab = (event: React.PointerEvent, from: number) => {
    if (event.button !== 0) {
      return;
    }
    const { key } = columns[from];
    const begin = event.clientX;
    const further = event.shiftKey;
    let to: number | null = null;
    follow(
      event,
      x => {
        if (to !== null || Math.abs(x - begin) > DRAG_PX) {
          to = placeAt(x);
          setDrag({ key, to });
        }
      },
      done => {
        setDrag(null);
        if (!done) {
          return;
        }
        if (to === null) {
          model.setView(ordered(model.view, key, further));
        } else {
          // Something else of the view may have changed since.
          const now = model.columns;
          const at = now.findIndex(one => one.key === key);
          model.setView({ ...model.view, columns: moved(now, at, to) });
        }
      }
    );
  };

  const widen = (
    event: React.PointerEvent,
    width: number,
    set: (width: number) => void
  ) => {
    event.stopPropagation();
    const begin = event.clientX;
    follow(
      event,
      x => set(width + x - begin),
      () => undefined
    );
  };

  return (
    <div
      ref={head}
      role="row"
      aria-rowindex={1}
      className="jp-mlops-grid-head"
      style={{ width: props.width }}
    >
      <div
        id={`${prefix}-head-0`}
        role="columnheader"
        aria-colindex={1}
        className={
          'jp-mlops-grid-name jp-mlops-grid-th' + (active === 0 ? ' jp-mod-activeCell' : '')
        }
        style={{ width: view.nameWidth }}
      >
        <span className="jp-mlops-grid-label">{trans.__('Run')}</span>
        <Edge
          onPointerDown={event =>
            widen(event, view.nameWidth, width => {
              const [one] = resized([{ key: '', width: 0 }], '', Math.max(width, 120));
              model.setView({ ...model.view, nameWidth: one.width });
            })
          }
        />
      </div>
      <div role="presentation" style={{ flex: 'none', width: sight.before }} />
      {columns.slice(sight.first, sight.last).map((column, offset) => {
        const index = sight.first + offset;
        return (
          <Head
            key={column.key}
            column={column}
            id={`${prefix}-head-${index + 1}`}
            index={index}
            model={model}
            active={active === index + 1}
            dragged={drag?.key === column.key}
            mark={markOf(drag?.to, index)}
            onPointerDown={event => grab(event, index)}
            onEdge={event =>
              widen(event, column.width, width =>
                model.setView({
                  ...model.view,
                  columns: resized(model.columns, column.key, width)
                })
              )
            }
            onMenu={props.onColumnMenu}
            trans={trans}
          />
        );
      })}
    </div>
  );
}

function Head(props: {
  column: IColumn;
  id: string;
  index: number;
  model: RunsTableModel;
  active: boolean;
  dragged: boolean;
  mark: string;
  onPointerDown: (event: React.PointerEvent) => void;
  onEdge: (event: React.PointerEvent) => void;
  onMenu: (key: string, x: number, y: number) => void;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { column, model, trans } = props;
  const place = model.view.order.findIndex(one => one.key === column.key);
  const order = place < 0 ? null : model.view.order[place];
  const label = columnLabel(column.key, trans);
  const kind = kindOf(column.key);
  const Caret = order?.descending ? caretDownIcon : caretUpIcon;
  return (
    <div
      id={props.id}
      role="columnheader"
      aria-colindex={props.index + 2}
      aria-sort={order ? (order.descending ? 'descending' : 'ascending') : 'none'}
      className={
        'jp-mlops-grid-th' +
        (kind === 'metrics' || column.key === 'attributes.duration'
          ? ' jp-mod-number'
          : '') +
        (props.active ? ' jp-mod-activeCell' : '') +
        (props.dragged ? ' jp-mod-dragged' : '') +
        (orderKey(column.key) ? '' : ' jp-mod-fixed')
      }
      data-mark={props.mark || undefined}
      style={{ width: column.width }}
      title={`${kindLabel(kind, trans)}: ${label}`}
      onPointerDown={props.onPointerDown}
      onContextMenu={event => {
        event.preventDefault();
        event.stopPropagation();
        props.onMenu(column.key, event.clientX, event.clientY);
      }}
    >
      <span className="jp-mlops-grid-label">{label}</span>
      {order && (
        <span className="jp-mlops-grid-order" aria-hidden="true">
          <Caret.react tag="span" width="16px" height="16px" />
          {model.view.order.length > 1 && place + 1}
        </span>
      )}
      <Edge onPointerDown={props.onEdge} />
    </div>
  );
}

function Edge(props: {
  onPointerDown: (event: React.PointerEvent) => void;
}): React.JSX.Element {
  return (
    <span
      className="jp-mlops-grid-edge"
      aria-hidden="true"
      onPointerDown={props.onPointerDown}
      onClick={event => event.stopPropagation()}
    />
  );
}

/** On which side of a column the one that is dragged would come. */
function markOf(to: number | undefined, index: number): string {
  return to === index ? 'before' : to === index + 1 ? 'after' : '';
}

/** Follow a pointer until it is let go; `end` is told whether that was the person's wish. */
function follow(
  event: React.PointerEvent,
  step: (x: number) => void,
  end: (done: boolean) => void
): void {
  const moving = (moved: PointerEvent) => step(moved.clientX);
  const stop = (last: Event) => {
    window.removeEventListener('pointermove', moving);
    for (const type of ['pointerup', 'pointercancel', 'blur']) {
      window.removeEventListener(type, stop);
    }
    end(last.type === 'pointerup');
  };
  window.addEventListener('pointermove', moving);
  for (const type of ['pointerup', 'pointercancel', 'blur']) {
    window.addEventListener(type, stop);
  }
  // The text under the pointer is not to be selected.
  event.preventDefault();
  (event.currentTarget as HTMLElement)
    .closest<HTMLElement>('.jp-mlops-grid')
    ?.focus({ preventScroll: true });
}
