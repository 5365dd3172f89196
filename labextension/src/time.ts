import type { TranslationBundle } from '@jupyterlab/translation';

/** "12 s", "3 min 20 s", "2 h 5 min": seconds as people say them. */
export function formatDuration(seconds: number, trans: TranslationBundle): string {
  const whole = Math.max(0, seconds);
  if (whole < 1) {
    return trans.__('%1 ms', Math.round(whole * 1000));
  }
  if (whole < 10) {
    return trans.__('%1 s', whole.toFixed(1));
  }
  if (whole < 60) {
    return trans.__('%1 s', Math.floor(whole));
  }
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) {
    return trans.__('%1 min %2 s', minutes, Math.floor(whole % 60));
  }
  const hours = Math.floor(minutes / 60);
  if (hours < 24) {
    return trans.__('%1 h %2 min', hours, minutes % 60);
  }
  return trans.__('%1 d %2 h', Math.floor(hours / 24), hours % 24);
}

/** "3 minutes ago" in the person's language. */
export function formatRelative(
  epoch: number,
  now: number,
  trans: TranslationBundle,
  language?: string
): string {
  const seconds = now - epoch;
  if (seconds < 10) {
    return trans.__('just now');
  }
  const format = new Intl.RelativeTimeFormat(language, { numeric: 'auto', style: 'short' });
  const steps: [number, Intl.RelativeTimeFormatUnit][] = [
    [60, 'second'],
    [60, 'minute'],
    [24, 'hour'],
    [7, 'day'],
    [5, 'week'],
    [12, 'month']
  ];
  let value = seconds;
  for (const [size, unit] of steps) {
    if (value < size) {
      return format.format(-Math.floor(value), unit);
    }
    value /= unit === 'week' ? 4.35 : size;
  }
  return format.format(-Math.floor(value), 'year');
}

/** Milliseconds until a relative time reads differently. */
export function nextTick(ageSeconds: number): number {
  if (ageSeconds < 60) {
    return 5_000;
  }
  return ageSeconds < 3600 ? 30_000 : 600_000;
}
