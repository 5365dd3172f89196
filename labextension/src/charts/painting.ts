import { dashesOf } from './palette';
import { isPlaceable } from './range';
import type { IScale } from './scale';
import type { ILine } from './series';
import { firstAtLeast, span } from './series';

export interface ISize {
  readonly width: number;
  readonly height: number;
}

export interface IPicture {
  readonly lines: readonly ILine[];
  readonly x: IScale;
  readonly y: IScale;
  /** Whether what was logged is drawn faintly behind what is smoothed. */
  readonly smoothed: boolean;
  /** The series that stands out; the others step back. */
  readonly emphasized: string | null;
  readonly colours: readonly string[];
}

const MARK = 4;
/** So few points of a line are dots as well: a line of one point would be nothing. */
const DOTS_MOST = 30;

/** Draw lines, and marks where there is no number to draw. */
export function paint(
  context: CanvasRenderingContext2D,
  size: ISize,
  picture: IPicture
): void {
  const { lines, emphasized, colours } = picture;
  context.clearRect(0, 0, size.width, size.height);
  context.lineJoin = 'round';
  // What stands out is drawn last: on top.
  const ordered = [...lines].sort(
    (one, other) => Number(one.id === emphasized) - Number(other.id === emphasized)
  );
  for (const line of ordered) {
    const faded = emphasized !== null && line.id !== emphasized;
    context.strokeStyle = context.fillStyle = colours[line.style % colours.length];
    context.setLineDash([...dashesOf(line.style)]);
    if (picture.smoothed) {
      context.globalAlpha = faded ? 0.06 : 0.25;
      context.lineWidth = 1;
      trace(context, size, picture, line, line.raw);
    }
    context.globalAlpha = faded ? 0.25 : 1;
    context.lineWidth = line.id === emphasized ? 2.5 : 1.5;
    trace(context, size, picture, line, line.y);
    context.setLineDash([]);
    mark(context, size, picture, line);
  }
  context.globalAlpha = 1;
}

/** One line, interrupted where a value is no number or a NaN was logged. */
function trace(
  context: CanvasRenderingContext2D,
  size: ISize,
  { x, y }: IPicture,
  line: ILine,
  values: readonly number[]
): void {
  const [first, last] = span(line.x, x.range);
  const dots: [number, number][] = [];
  let gap = firstAtLeast(line.gaps, line.x[first] ?? 0);
  let drawing = false;
  context.beginPath();
  for (let index = first; index < last; index++) {
    const place = line.x[index];
    while (line.gaps[gap] <= place) {
      drawing = false;
      gap++;
    }
    const across = x.toUnit(place) * size.width;
    const down = (1 - y.toUnit(values[index])) * size.height;
    if (!isPlaceable(values[index]) || Number.isNaN(down)) {
      drawing = false;
      continue;
    }
    if (drawing) {
      context.lineTo(across, down);
    } else {
      context.moveTo(across, down);
    }
    drawing = true;
    dots.push([across, down]);
  }
  context.stroke();
  if (dots.length <= DOTS_MOST) {
    for (const [across, down] of dots) {
      context.beginPath();
      context.arc(across, down, context.lineWidth + 0.5, 0, 2 * Math.PI);
      context.fill();
    }
  }
}

/** A cross at the foot for NaN, a triangle at the edge for an infinity; one a pixel is enough. */
function mark(
  context: CanvasRenderingContext2D,
  { width, height }: ISize,
  { x }: IPicture,
  line: ILine
): void {
  context.lineWidth = 1.5;
  let last = -Infinity;
  for (const gap of line.gaps) {
    const across = x.toUnit(gap) * width;
    if (across < 0 || across > width || across - last < 2) {
      continue;
    }
    last = across;
    context.beginPath();
    const foot = height - MARK;
    context.moveTo(across - MARK / 2, foot - MARK / 2);
    context.lineTo(across + MARK / 2, foot + MARK / 2);
    context.moveTo(across - MARK / 2, foot + MARK / 2);
    context.lineTo(across + MARK / 2, foot - MARK / 2);
    context.stroke();
  }
  const [first, end] = span(line.x, x.range);
  for (let index = first; index < end; index++) {
    const value = line.raw[index];
    if (isPlaceable(value) || Number.isNaN(value)) {
      continue;
    }
    const across = x.toUnit(line.x[index]) * width;
    const [tip, base] = value > 0 ? [1, 2 + MARK] : [height - 1, height - 2 - MARK];
    context.beginPath();
    context.moveTo(across, tip);
    context.lineTo(across - MARK, base);
    context.lineTo(across + MARK, base);
    context.fill();
  }
}
