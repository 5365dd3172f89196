import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { Axes } from './Axes';
import type { IDimension } from './dimension';
import { dimensionAxis, formatDimension } from './dimension';
import { DimensionTable } from './DimensionTable';
import { useSize } from './dom';
import { COLOURS, colourOf } from './palette';
import type { ISubject } from './ParallelCoordinates';
import { labelWidth } from './plot';

export interface IScatterProps {
  title: string;
  subjects: readonly ISubject[];
  x: IDimension;
  y: IDimension;
  xLog: boolean;
  yLog: boolean;
  emphasized: string | null;
  onEmphasized: (id: string | null) => void;
  /** A point was chosen. */
  onOpen: ((id: string) => void) | null;
  height: number;
  trans: TranslationBundle;
}

const FOOT = 20;
const MARGIN = 0.06;
/** How far from a point the pointer still finds it. */
const REACH = 24;

interface IDot {
  readonly subject: ISubject;
  readonly index: number;
  readonly across: number;
  readonly down: number;
}

/** A point for each run: one parameter or metric against another. */
export function Scatter(props: IScatterProps): React.JSX.Element {
  const { subjects, x, y, emphasized, trans } = props;
  const plot = React.useRef<HTMLDivElement>(null);
  const [outer] = useSize(plot);
  const [tabular, setTabular] = React.useState(false);
  const help = React.useId();
  const height = Math.max(40, props.height - FOOT);
  const xAxis = React.useMemo(() => dimensionAxis(x, props.xLog, MARGIN), [x, props.xLog]);
  const yAxis = React.useMemo(() => dimensionAxis(y, props.yLog, MARGIN), [y, props.yLog]);
  const yTicks = React.useMemo(
    () => yAxis.ticks(Math.max(2, Math.floor(height / 34))),
    [yAxis, height]
  );
  const left = labelWidth(yTicks);
  const width = Math.max(20, outer - left - 8);
  const xTicks = React.useMemo(
    () => xAxis.ticks(Math.max(2, Math.floor(width / 90))),
    [xAxis, width]
  );
  const dots = subjects.flatMap((subject, index): IDot[] => {
    const [right, up] = [
      xAxis.place(x.values[index] ?? null),
      yAxis.place(y.values[index] ?? null)
    ];
    return right === null || up === null
      ? []
      : [
          {
            subject,
            index,
            across: left + xAxis.scale.toUnit(right) * width,
            down: (1 - yAxis.scale.toUnit(up)) * height
          }
        ];
  });
  const missing = subjects.length - dots.length;
  const pointed = dots.find(({ subject }) => subject.id === emphasized);

  const find = (event: React.PointerEvent | React.MouseEvent): IDot | null => {
    const box = plot.current?.getBoundingClientRect();
    let best: IDot | null = null;
    let least = REACH;
    for (const dot of dots) {
      const away = Math.hypot(
        event.clientX - (box?.left ?? 0) - dot.across,
        event.clientY - (box?.top ?? 0) - dot.down
      );
      if (away < least) {
        [best, least] = [dot, away];
      }
    }
    return best;
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step && dots.length) {
      const ordered = [...dots].sort((one, other) => one.across - other.across);
      const at = ordered.findIndex(({ subject }) => subject.id === emphasized);
      const next = at < 0 ? (step > 0 ? 0 : ordered.length - 1) : at + step;
      props.onEmphasized(
        ordered[Math.max(0, Math.min(ordered.length - 1, next))].subject.id
      );
    } else if (event.key === 'Enter' && pointed && props.onOpen) {
      props.onOpen(pointed.subject.id);
    } else if (event.key === 'Escape') {
      props.onEmphasized(null);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
  const read = (dot: IDot) =>
    trans.__(
      '%1: %2 %3, %4 %5',
      dot.subject.label,
      x.name,
      formatDimension(x.values[dot.index]),
      y.name,
      formatDimension(y.values[dot.index])
    );
  return (
    <figure className="jp-mlops-chart jp-mlops-scatter">
      <figcaption className="jp-mlops-chart-head">
        <span className="jp-mlops-chart-title">{y.name}</span>
        {missing > 0 && (
          <span className="jp-mlops-chart-note">
            {trans._n('%1 run has no place here', '%1 runs have no place here', missing)}
          </span>
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
      {tabular ? (
        <DimensionTable
          title={props.title}
          subjects={subjects}
          dimensions={x.key === y.key ? [x] : [x, y]}
          trans={trans}
        />
      ) : (
        <>
          <div
            ref={plot}
            className="jp-mlops-chart-plot"
            style={{ height: props.height }}
            role="img"
            tabIndex={0}
            aria-label={trans._n(
              '%2 against %3: %1 point.',
              '%2 against %3: %1 points.',
              dots.length,
              y.name,
              x.name
            )}
            aria-describedby={help}
            data-lm-suppress-shortcuts="true"
            onPointerMove={event => props.onEmphasized(find(event)?.subject.id ?? null)}
            onPointerLeave={() => props.onEmphasized(null)}
            onBlur={() => props.onEmphasized(null)}
            onClick={event => {
              const dot = find(event);
              if (dot && props.onOpen) {
                props.onOpen(dot.subject.id);
              }
            }}
            onKeyDown={onKeyDown}
          >
            {outer > 0 && (
              <>
                <Axes
                  x={xAxis.scale}
                  y={yAxis.scale}
                  xTicks={xTicks}
                  yTicks={yTicks}
                  width={width}
                  height={height}
                  left={left}
                />
                <svg
                  className="jp-mlops-scatter-dots"
                  width={outer}
                  height={height}
                  aria-hidden="true"
                  focusable="false"
                >
                  {dots.map(dot => (
                    <path
                      key={dot.subject.id}
                      data-mlops-run={dot.subject.id}
                      data-faded={pointed && pointed !== dot ? 'true' : undefined}
                      d={shape(dot.subject.style, pointed === dot ? 8 : 5.5)}
                      transform={`translate(${dot.across} ${dot.down})`}
                      fill={colourOf(dot.subject.style)}
                    />
                  ))}
                </svg>
              </>
            )}
            {pointed && (
              <div
                className="jp-mlops-chart-tip"
                aria-hidden="true"
                style={{
                  top: Math.max(0, Math.min(height - 60, pointed.down - 20)),
                  ...(pointed.across > outer / 2
                    ? { right: outer - pointed.across + 14 }
                    : { left: pointed.across + 14 })
                }}
              >
                <strong>{pointed.subject.label}</strong>
                {(x.key === y.key ? [x] : [x, y]).map(({ key, name, values }) => (
                  <div key={key}>
                    {name}: {formatDimension(values[pointed.index])}
                  </div>
                ))}
              </div>
            )}
          </div>
          <div className="jp-mlops-scatter-foot">{x.name}</div>
          <div id={help} className="jp-mlops-hidden">
            {props.onOpen
              ? trans.__('Left and right go from point to point, Enter opens the run.')
              : trans.__('Left and right go from point to point.')}
          </div>
          <div className="jp-mlops-hidden" aria-live="polite">
            {pointed && read(pointed)}
          </div>
        </>
      )}
    </figure>
  );
}

/** When colours come again, shapes tell points apart. */
function shape(style: number, r: number): string {
  switch (Math.floor(style / COLOURS) % 4) {
    case 0:
      return `M${-r} 0a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`;
    case 1:
      return `M${-r} ${-r}h${2 * r}v${2 * r}h${-2 * r}z`;
    case 2:
      return `M0 ${-1.2 * r}L${1.2 * r} ${r}H${-1.2 * r}z`;
    default:
      return `M0 ${-1.3 * r}L${1.3 * r} 0L0 ${1.3 * r}L${-1.3 * r} 0z`;
  }
}
