import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { Axes } from './Axes';
import { useSize, useTheme } from './dom';
import { formatValue } from './numbers';
import { paint } from './painting';
import { colourOf, resolvedColours } from './palette';
import {
  axisName,
  CHARACTER,
  formatPlace,
  heightScale,
  heightTicks,
  labelWidth,
  placeTicks
} from './plot';
import type { IRange } from './range';
import { moved, within, zoomed } from './range';
import { Readout } from './Readout';
import { readingsAt } from './reading';
import { linearScale } from './scale';
import type { Axis, ILine } from './series';
import { closest, neighbour } from './series';

export interface ILinePlotProps {
  title: string;
  lines: readonly ILine[];
  axis: Axis;
  log: boolean;
  smoothed: boolean;
  /** What is shown of the whole axis. */
  range: IRange;
  whole: IRange;
  /** The values that are to be seen; null where there are none. */
  values: IRange | null;
  height: number;
  emphasized: string | null;
  onRange: (range: IRange | null) => void;
  trans: TranslationBundle;
}

interface ICursor {
  readonly place: number;
  /** Pixels from the top; null where the keyboard moves it. */
  readonly down: number | null;
}

/** A drag that has begun: it marks a part to be shown, or moves the view. */
interface IDrag {
  readonly kind: 'brush' | 'pan';
  readonly from: number;
  readonly to: number;
  readonly range: IRange;
}

const FOOT = 20;
/** A shorter drag is a click. */
const DRAG_LEAST = 4;
/** How far from its end a line still answers. */
const REACH = 12;
const ZOOM = 0.5;

/** The plot of a line chart: one picture for whoever listens, its values told as the cursor moves. */
export function LinePlot(props: ILinePlotProps): React.JSX.Element {
  const { lines, axis, log, whole, trans } = props;
  const plot = React.useRef<HTMLDivElement>(null);
  const canvas = React.useRef<HTMLCanvasElement>(null);
  const [outer] = useSize(plot);
  const theme = useTheme();
  const help = React.useId();
  const [cursor, setCursor] = React.useState<ICursor | null>(null);
  const [drag, setDrag] = React.useState<IDrag | null>(null);

  const height = Math.max(20, props.height - FOOT);
  const y = React.useMemo(
    () => heightScale(props.values, log),
    [props.values?.from, props.values?.to, log]
  );
  const yTicks = React.useMemo(() => (y ? heightTicks(y, height) : []), [y, height]);
  const left = labelWidth(yTicks);
  const width = Math.max(20, outer - left - 8);
  const panned =
    drag?.kind === 'pan'
      ? moved(drag.range, whole, ((drag.from - drag.to) / width) * spanOf(drag.range))
      : null;
  const range = panned ?? props.range;
  const x = React.useMemo(() => linearScale(range), [range.from, range.to]);
  const xTicks = React.useMemo(
    () => placeTicks(axis, x, width, trans),
    [axis, x, width, trans]
  );

  // The axis' name stands where the last label would.
  const named = React.useMemo(() => {
    const room = width - axisName(axis, trans).length * CHARACTER - 8;
    return xTicks.filter(
      ({ at, label }) => x.toUnit(at) * width + (label.length * CHARACTER) / 2 < room
    );
  }, [xTicks, x, axis, width, trans]);

  React.useLayoutEffect(() => {
    const node = canvas.current;
    const context = node?.getContext('2d');
    if (!node || !context || !outer || !y) {
      return;
    }
    const density = window.devicePixelRatio || 1;
    node.width = Math.round(width * density);
    node.height = Math.round(height * density);
    context.setTransform(density, 0, 0, density, 0, 0);
    paint(
      context,
      { width, height },
      {
        lines,
        x,
        y,
        smoothed: props.smoothed,
        emphasized: props.emphasized,
        colours: resolvedColours(node)
      }
    );
  }, [lines, x, y, width, height, outer, props.smoothed, props.emphasized, theme]);

  const placeAt = (pixels: number) => x.fromUnit(pixels / width);
  const zoom = (factor: number, centre: number) =>
    props.onRange(zoomed(range, whole, centre, factor));

  // React's own wheel listeners can't keep the page from scrolling.
  const onWheel = React.useRef<(event: WheelEvent) => void>(() => undefined);
  onWheel.current = event => {
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      const across = event.clientX - (canvas.current?.getBoundingClientRect().left ?? 0);
      zoom(Math.exp(Math.max(-50, Math.min(50, event.deltaY)) / 100), placeAt(across));
    }
  };
  React.useEffect(() => {
    const node = plot.current;
    const listener = (event: WheelEvent) => onWheel.current(event);
    node?.addEventListener('wheel', listener, { passive: false });
    return () => node?.removeEventListener('wheel', listener);
  }, []);

  const across = (event: React.PointerEvent) => {
    const pixels = event.clientX - (canvas.current?.getBoundingClientRect().left ?? 0);
    return Math.max(0, Math.min(width, pixels));
  };
  const onPointerDown = (event: React.PointerEvent<HTMLDivElement>) => {
    if (event.button === 0) {
      event.currentTarget.setPointerCapture(event.pointerId);
      const at = across(event);
      setDrag({ kind: event.shiftKey ? 'pan' : 'brush', from: at, to: at, range });
    }
  };
  const onPointerMove = (event: React.PointerEvent<HTMLDivElement>) => {
    const at = across(event);
    if (drag) {
      setDrag({ ...drag, to: at });
    }
    const top = canvas.current?.getBoundingClientRect().top ?? 0;
    setCursor({ place: closest(lines, placeAt(at)), down: event.clientY - top });
  };
  const onPointerUp = () => {
    setDrag(null);
    if (!drag || Math.abs(drag.to - drag.from) < DRAG_LEAST) {
      return;
    }
    if (drag.kind === 'pan') {
      if (panned) {
        props.onRange(panned);
      }
      return;
    }
    const [from, to] = [Math.min(drag.from, drag.to), Math.max(drag.from, drag.to)];
    props.onRange(within({ from: placeAt(from), to: placeAt(to) }, whole));
  };

  const onKeyDown = (event: React.KeyboardEvent) => {
    const centre = cursor?.place ?? (range.from + range.to) / 2;
    const forwards = { ArrowRight: true, ArrowLeft: false }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    if (forwards !== undefined && event.shiftKey) {
      const by = (spanOf(range) / 4) * (forwards ? 1 : -1);
      props.onRange(moved(range, whole, by));
    } else if (forwards !== undefined) {
      const next = cursor
        ? neighbour(lines, cursor.place, forwards)
        : closest(lines, forwards ? range.from : range.to);
      if (next !== null) {
        setCursor({ place: next, down: null });
        if (next < range.from || next > range.to) {
          props.onRange(moved(range, whole, next - centre));
        }
      }
    } else if (event.key === 'Home' || event.key === 'End') {
      setCursor({ place: event.key === 'Home' ? range.from : range.to, down: null });
    } else if (event.key === '+' || event.key === '=') {
      zoom(ZOOM, centre);
    } else if (event.key === '-') {
      zoom(1 / ZOOM, centre);
    } else if (event.key === 'Escape' && (drag ?? cursor?.down === null)) {
      setDrag(null);
      setCursor(null);
    } else if (event.key === 'Escape' || event.key === '0') {
      props.onRange(null);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };

  const readings = cursor
    ? readingsAt(lines, cursor.place, (REACH / width) * spanOf(range))
    : [];
  const pointed = cursor?.down ?? null;
  const nearest =
    pointed === null || !y
      ? null
      : (readings.reduce<{ id: string; away: number } | null>((best, one) => {
          const away = Math.abs((1 - y.toUnit(one.value)) * height - pointed);
          return !Number.isNaN(away) && (!best || away < best.away)
            ? { id: one.id, away }
            : best;
        }, null)?.id ?? null);
  const said = cursor ? formatPlace(axis, cursor.place, trans) : '';
  const at = cursor ? x.toUnit(cursor.place) * width : 0;
  return (
    <>
      <div
        ref={plot}
        className="jp-mlops-chart-plot"
        style={{ height: props.height }}
        role="img"
        aria-label={summary(props)}
        aria-describedby={help}
        tabIndex={0}
        data-dragging={drag?.kind}
        data-lm-suppress-shortcuts="true"
        data-from={range.from}
        data-to={range.to}
        onPointerDown={onPointerDown}
        onPointerMove={onPointerMove}
        onPointerUp={onPointerUp}
        onPointerCancel={() => setDrag(null)}
        onPointerLeave={() => setCursor(null)}
        onDoubleClick={() => props.onRange(null)}
        onBlur={() => setCursor(null)}
        onKeyDown={onKeyDown}
      >
        {y && outer > 0 && (
          <Axes
            x={x}
            y={y}
            xTicks={named}
            yTicks={yTicks}
            width={width}
            height={height}
            left={left}
          />
        )}
        <canvas ref={canvas} style={{ left, width, height }} />
        {!y && (
          <div className="jp-mlops-chart-empty">
            {log
              ? trans.__('No value above zero to draw on a logarithmic scale.')
              : trans.__('No number to draw here.')}
          </div>
        )}
        <div className="jp-mlops-chart-axis-name">{axisName(axis, trans)}</div>
        {drag?.kind === 'brush' && (
          <div
            className="jp-mlops-chart-brush"
            style={{
              left: left + Math.min(drag.from, drag.to),
              width: Math.abs(drag.to - drag.from),
              height
            }}
          />
        )}
        {cursor && at >= -1 && at <= width + 1 && (
          <>
            <div className="jp-mlops-chart-crosshair" style={{ left: left + at, height }} />
            {y &&
              readings.map(one => {
                const down = (1 - y.toUnit(one.value)) * height;
                return Number.isFinite(down) ? (
                  <div
                    key={one.id}
                    className="jp-mlops-chart-dot"
                    style={{
                      left: left + x.toUnit(one.place) * width,
                      top: down,
                      background: colourOf(one.style)
                    }}
                  />
                ) : null;
              })}
            <div
              className="jp-mlops-chart-tip"
              aria-hidden="true"
              style={
                at > width / 2
                  ? { right: outer - left - at + 12 }
                  : { left: left + at + 12 }
              }
            >
              <Readout
                place={said}
                readings={readings}
                nearest={nearest}
                smoothed={props.smoothed}
                trans={trans}
              />
            </div>
          </>
        )}
      </div>
      <div id={help} className="jp-mlops-hidden">
        {trans.__(
          'Arrow keys move along the points, plus and minus zoom, Shift with an arrow key moves the view, Escape shows everything.'
        )}
      </div>
      <div className="jp-mlops-hidden" aria-live="polite">
        {cursor?.down === null &&
          [said, ...readings.map(one => `${one.label}: ${formatValue(one.value)}`)].join(
            '; '
          )}
      </div>
    </>
  );
}

/** What the picture shows, in words. */
function summary({ title, lines, axis, range, values, trans }: ILinePlotProps): string {
  const what = trans._n(
    '%2 over %3, %1 line',
    '%2 over %3, %1 lines',
    lines.length,
    title,
    axisName(axis, trans)
  );
  const where = trans.__(
    'from %1 to %2',
    formatPlace(axis, range.from, trans),
    formatPlace(axis, range.to, trans)
  );
  const how = values
    ? trans.__('values from %1 to %2', formatValue(values.from), formatValue(values.to))
    : trans.__('no numbers');
  return `${what}, ${where}, ${how}.`;
}

function spanOf(range: IRange): number {
  return range.to - range.from;
}
