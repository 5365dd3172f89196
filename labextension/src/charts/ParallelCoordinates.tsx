import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { Brushes } from './brushes';
import { brushedByKey, passing, reordered, withBrush } from './brushes';
import type { IDimension } from './dimension';
import { canBeLog, dimensionAxis } from './dimension';
import { DimensionTable } from './DimensionTable';
import { useSize } from './dom';
import { colourOf, dashesOf } from './palette';

/** Whose values are drawn. */
export interface ISubject {
  readonly id: string;
  readonly label: string;
  readonly style: number;
}

export interface IParallelCoordinatesProps {
  title: string;
  subjects: readonly ISubject[];
  /** From left to right. */
  dimensions: readonly IDimension[];
  /** Keys of the axes that are logarithmic. */
  logs: ReadonlySet<string>;
  onOrder: (keys: readonly string[]) => void;
  onLog: (key: string) => void;
  onRemove: (key: string) => void;
  emphasized: string | null;
  onEmphasized: (id: string | null) => void;
  height: number;
  trans: TranslationBundle;
}

const HEAD = 44;
const FOOT = 30;
const SIDE = 60;
/** Where lines go that have no value of an axis: below it. */
const NOWHERE = 18;
/** Pixels from an axis' end that count as the end. */
const END_REACH = 8;
/** A shorter drag takes the mark away. */
const DRAG_LEAST = 4;

/** An axis for each of some parameters and metrics, a line for each run; parts can be marked. */
export function ParallelCoordinates(props: IParallelCoordinatesProps): React.JSX.Element {
  const { subjects, dimensions, logs, emphasized, trans } = props;
  const host = React.useRef<HTMLDivElement>(null);
  const [outer] = useSize(host);
  const [brushes, setBrushes] = React.useState<Brushes>(new Map());
  const [drag, setDrag] = React.useState<{ key: string; from: number } | null>(null);
  const [moving, setMoving] = React.useState<{ key: string; by: number } | null>(null);
  const [tabular, setTabular] = React.useState(false);
  const help = React.useId();

  const height = Math.max(120, props.height - HEAD - FOOT);
  const axes = React.useMemo(
    () =>
      dimensions.map(dimension => ({
        dimension,
        axis: dimensionAxis(
          dimension,
          logs.has(dimension.key),
          dimension.numeric ? 0 : 0.08
        )
      })),
    [dimensions, logs]
  );
  const units = React.useMemo(
    () =>
      subjects.map(
        (_, index) =>
          new Map(
            axes.map(({ dimension, axis }) => {
              const place = axis.place(dimension.values[index] ?? null);
              return [dimension.key, place === null ? null : axis.scale.toUnit(place)];
            })
          )
      ),
    [subjects, axes]
  );
  const through = React.useMemo(() => passing(units, brushes), [units, brushes]);
  const gap = axes.length > 1 ? (outer - 2 * SIDE) / (axes.length - 1) : 0;
  const across = (index: number) => (axes.length > 1 ? SIDE + index * gap : outer / 2);
  const down = (unit: number | null | undefined) =>
    HEAD + (unit === null || unit === undefined ? height + NOWHERE : (1 - unit) * height);
  const left = through.filter(Boolean).length;
  const summary =
    trans._n(
      '%2: %1 line over the axes %3.',
      '%2: %1 lines over the axes %3.',
      subjects.length,
      props.title,
      dimensions.map(({ name }) => name).join(', ')
    ) +
    ' ' +
    (brushes.size
      ? trans._n(
          '%1 line passes the marked parts.',
          '%1 lines pass the marked parts.',
          left
        )
      : '');

  const unitAt = (event: React.PointerEvent) => {
    const top = host.current?.getBoundingClientRect().top ?? 0;
    const unit = 1 - (event.clientY - top - HEAD) / height;
    // The ends, where the extremes lie, are hit without aiming.
    const near = END_REACH / height;
    return unit < near ? 0 : unit > 1 - near ? 1 : unit;
  };
  const onKeyDown = (event: React.KeyboardEvent, key: string) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const dimension = dimensions.find(one => one.key === key);
    const part = brushedByKey(brushes.get(key), event.key, event.shiftKey);
    if (event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    if (step) {
      props.onOrder(
        reordered(
          dimensions.map(one => one.key),
          key,
          step
        )
      );
    } else if (part !== undefined) {
      setBrushes(withBrush(brushes, key, part));
    } else if (event.key.toLowerCase() === 'l' && dimension && canBeLog(dimension)) {
      props.onLog(key);
    } else if (event.key === 'Delete') {
      props.onRemove(key);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  const drawn = subjects
    .map((subject, index) => ({ subject, index }))
    .sort(
      (one, other) =>
        Number(one.subject.id === emphasized) - Number(other.subject.id === emphasized) ||
        Number(through[one.index]) - Number(through[other.index])
    );
  return (
    <figure className="jp-mlops-chart jp-mlops-parallel">
      <figcaption className="jp-mlops-chart-head">
        <span className="jp-mlops-chart-title" role="status">
          {brushes.size
            ? trans.__('%1 of %2 runs in the marked parts', left, subjects.length)
            : trans.__('Drag along an axis to mark a part of it')}
        </span>
        {brushes.size > 0 && (
          <button
            type="button"
            className="jp-mlops-link jp-mlops-chart-action"
            onClick={() => setBrushes(new Map())}
          >
            {trans.__('Clear marks')}
          </button>
        )}
        <button
          type="button"
          className="jp-mlops-link jp-mlops-chart-action"
          aria-pressed={tabular}
          onClick={() => setTabular(!tabular)}
        >
          {tabular ? trans.__('Show as chart') : trans.__('Show as table')}
        </button>
      </figcaption>
      {tabular && (
        <DimensionTable
          title={props.title}
          subjects={subjects}
          dimensions={dimensions}
          shown={through}
          trans={trans}
        />
      )}
      <div
        ref={host}
        className="jp-mlops-parallel-plot"
        style={{ height: tabular ? 0 : props.height, overflow: tabular ? 'hidden' : '' }}
        hidden={tabular}
      >
        {outer > 0 && (
          <>
            <div role="img" aria-label={summary}>
              <svg width={outer} height={props.height} aria-hidden="true" focusable="false">
                {drawn.map(({ subject, index }) => (
                  <polyline
                    key={subject.id}
                    className="jp-mlops-parallel-line"
                    data-mlops-run={subject.id}
                    data-out={through[index] ? undefined : 'true'}
                    data-faded={
                      emphasized !== null && emphasized !== subject.id ? 'true' : undefined
                    }
                    data-emphasized={emphasized === subject.id ? 'true' : undefined}
                    stroke={colourOf(subject.style)}
                    strokeDasharray={dashesOf(subject.style).join(' ')}
                    points={axes
                      .map(
                        ({ dimension }, at) =>
                          `${across(at)},${down(units[index].get(dimension.key))}`
                      )
                      .join(' ')}
                    onPointerEnter={() => props.onEmphasized(subject.id)}
                    onPointerLeave={() => props.onEmphasized(null)}
                  >
                    <title>{subject.label}</title>
                  </polyline>
                ))}
                {axes.map(({ dimension, axis }, at) => (
                  <g key={dimension.key} className="jp-mlops-parallel-axis">
                    <line x1={across(at)} x2={across(at)} y1={HEAD} y2={HEAD + height} />
                    {axis.ticks(Math.max(2, Math.floor(height / 40))).map(tick => (
                      <text
                        key={tick.at}
                        x={across(at) + (at === axes.length - 1 ? 7 : -7)}
                        y={down(axis.scale.toUnit(tick.at))}
                        dy="0.32em"
                        textAnchor={at === axes.length - 1 ? 'start' : 'end'}
                      >
                        {tick.label}
                      </text>
                    ))}
                    {dimension.values.some(value => axis.place(value) === null) && (
                      <text
                        x={across(at)}
                        y={HEAD + height + NOWHERE + 11}
                        textAnchor="middle"
                      >
                        {trans.__('none')}
                      </text>
                    )}
                  </g>
                ))}
              </svg>
            </div>
            {axes.map(({ dimension: { key, name } }, at) => {
              const part = brushes.get(key);
              return (
                <React.Fragment key={key}>
                  <div
                    className="jp-mlops-parallel-hit"
                    data-axis={key}
                    style={{ left: across(at) - 12, top: HEAD, height }}
                    title={trans.__('%1: drag to mark a part', name)}
                    onPointerDown={event => {
                      if (event.button === 0) {
                        event.currentTarget.setPointerCapture(event.pointerId);
                        setDrag({ key, from: unitAt(event) });
                      }
                    }}
                    onPointerMove={event => {
                      if (drag?.key === key) {
                        setBrushes(withBrush(brushes, key, [drag.from, unitAt(event)]));
                      }
                    }}
                    onPointerUp={event => {
                      const short =
                        drag && Math.abs(drag.from - unitAt(event)) * height < DRAG_LEAST;
                      if (short) {
                        setBrushes(withBrush(brushes, key, null));
                      }
                      setDrag(null);
                    }}
                    onPointerCancel={() => setDrag(null)}
                  >
                    {part && (
                      <div
                        className="jp-mlops-parallel-brush"
                        style={{
                          bottom: part[0] * height,
                          height: Math.max(2, (part[1] - part[0]) * height)
                        }}
                      />
                    )}
                  </div>
                  <AxisHead
                    name={name}
                    log={logs.has(key)}
                    describedBy={help}
                    left={across(at) + (moving?.key === key ? moving.by : 0)}
                    width={Math.min(160, Math.max(60, gap - 8 || 160))}
                    moving={moving?.key === key}
                    onMoving={by => setMoving(by === null ? null : { key, by })}
                    onMoved={by => {
                      setMoving(null);
                      const places = gap ? Math.round(by / gap) : 0;
                      if (places) {
                        props.onOrder(
                          reordered(
                            axes.map(one => one.dimension.key),
                            key,
                            places
                          )
                        );
                      }
                    }}
                    onLog={
                      canBeLog(dimensions[at]) || logs.has(key)
                        ? () => props.onLog(key)
                        : null
                    }
                    onKeyDown={event => onKeyDown(event, key)}
                    trans={trans}
                  />
                </React.Fragment>
              );
            })}
          </>
        )}
      </div>
      <div id={help} className="jp-mlops-hidden">
        {trans.__(
          'Left and right move the axis. Up and down narrow the marked part from below and from above, with Shift they widen it, Escape takes it away. L switches to a logarithmic axis and back. Delete removes the axis.'
        )}
      </div>
    </figure>
  );
}

/** An axis' name: dragged to another place, or moved and marked by keyboard. */
function AxisHead(props: {
  name: string;
  log: boolean;
  describedBy: string;
  left: number;
  width: number;
  moving: boolean;
  onMoving: (by: number | null) => void;
  onMoved: (by: number) => void;
  onLog: (() => void) | null;
  onKeyDown: (event: React.KeyboardEvent) => void;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { name, width, trans } = props;
  const start = React.useRef<number | null>(null);
  return (
    <div
      className="jp-mlops-parallel-head"
      data-moving={props.moving ? 'true' : undefined}
      style={{ left: props.left - width / 2, width }}
    >
      <button
        type="button"
        className="jp-mlops-parallel-name"
        aria-describedby={props.describedBy}
        title={trans.__('%1: drag to move the axis', name)}
        onKeyDown={props.onKeyDown}
        onPointerDown={event => {
          start.current = event.clientX;
          event.currentTarget.setPointerCapture(event.pointerId);
        }}
        onPointerMove={event => {
          if (start.current !== null) {
            props.onMoving(event.clientX - start.current);
          }
        }}
        onPointerUp={event => {
          if (start.current !== null) {
            props.onMoved(event.clientX - start.current);
          }
          start.current = null;
        }}
        onPointerCancel={() => {
          start.current = null;
          props.onMoving(null);
        }}
      >
        {name}
      </button>
      {props.onLog && (
        <button
          type="button"
          className="jp-mlops-parallel-log"
          aria-pressed={props.log}
          aria-label={trans.__('Logarithmic: %1', name)}
          onClick={props.onLog}
        >
          {trans.__('log')}
        </button>
      )}
    </div>
  );
}
