import type { TranslationBundle } from '@jupyterlab/translation';

/** A number as the API says it. */
export type ApiNumber = number | 'NaN' | 'Infinity' | '-Infinity';

export function toNumber(value: ApiNumber): number {
  return typeof value === 'number' ? value : Number(value);
}

/** A value for people: five digits, an exponent only where it saves reading. */
export function formatValue(value: number): string {
  if (!Number.isFinite(value)) {
    return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '−∞';
  }
  if (Number.isInteger(value) && Math.abs(value) < 1e9) {
    return minus(String(value));
  }
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) {
    return minus(trimmed(value.toExponential(4)));
  }
  return minus(trimmed(value.toPrecision(5)));
}

/** A difference: with its sign, and three digits, which say how much. */
export function formatDifference(value: number): string {
  const rounded =
    Number.isFinite(value) && !Number.isInteger(value)
      ? Number(value.toPrecision(3))
      : value;
  return rounded > 0 ? `+${formatValue(rounded)}` : formatValue(rounded);
}

const UNITS: [number, string][] = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k']
];

/** A tick's label: as few digits as tell it from its neighbours. */
export function formatTick(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e15 || (size > 0 && size < 1e-4)) {
    return minus(trimmed(value.toExponential(3)));
  }
  for (const [unit, letter] of UNITS) {
    if (size >= unit && (size >= 1e4 || unit > 1e3)) {
      return minus(trimmed((value / unit).toPrecision(6))) + letter;
    }
  }
  return minus(trimmed(value.toPrecision(6)));
}

/** Seconds since a run's start as a tick: "90 s", "2 min", "1:30 h". */
export function formatSince(seconds: number, trans: TranslationBundle): string {
  const size = Math.abs(seconds);
  const sign = seconds < 0 ? '−' : '';
  if (size < 120) {
    return sign + trans.__('%1 s', trimmed(size.toPrecision(4)));
  }
  if (size < 7200) {
    const whole = Math.round(size);
    const rest = whole % 60;
    return (
      sign +
      trans.__('%1 min', `${Math.floor(whole / 60)}${rest ? `:${padded(rest)}` : ''}`)
    );
  }
  const minutes = Math.round(size / 60);
  const rest = minutes % 60;
  return (
    sign + trans.__('%1 h', `${Math.floor(minutes / 60)}${rest ? `:${padded(rest)}` : ''}`)
  );
}

/** A time as a tick, as exact as the range needs: seconds, minutes or days. */
export function formatTime(epoch: number, spanSeconds: number, language?: string): string {
  const date = new Date(epoch * 1000);
  if (spanSeconds > 4 * 86_400) {
    return date.toLocaleDateString(language, { month: 'short', day: 'numeric' });
  }
  const midnight = !date.getHours() && !date.getMinutes() && !date.getSeconds();
  if (spanSeconds > 86_400 && midnight) {
    return date.toLocaleDateString(language, { month: 'short', day: 'numeric' });
  }
  const options: Intl.DateTimeFormatOptions = { hour: '2-digit', minute: '2-digit' };
  if (spanSeconds < 600) {
    options.second = '2-digit';
  }
  if (spanSeconds < 2) {
    options.fractionalSecondDigits = 3;
  }
  return date.toLocaleTimeString(language, { ...options, hourCycle: 'h23' });
}

function trimmed(text: string): string {
  const [number, exponent] = text.split('e');
  const short = number.includes('.') ? number.replace(/\.?0+$/, '') : number;
  return exponent === undefined ? short : `${short}e${exponent.replace('+', '')}`;
}

function padded(value: number): string {
  return String(value).padStart(2, '0');
}

/** The sign as typographers write it: as wide as the digits' plus. */
function minus(text: string): string {
  return text.replace(/^-/, '−').replace('e-', 'e−');
}
