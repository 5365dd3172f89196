import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { formatDuration, formatRelative, nextTick } from '../time';

/** Seconds since the epoch, renewed every `interval` ms while the page is visible. */
export function useNow(interval: number): number {
  const [now, setNow] = React.useState(() => Date.now() / 1000);
  React.useEffect(() => {
    const timer = window.setInterval(() => {
      if (!document.hidden) {
        setNow(Date.now() / 1000);
      }
    }, interval);
    return () => window.clearInterval(timer);
  }, [interval]);
  return now;
}

/** "3 minutes ago", with the exact time as its title. */
export function RelativeTime(props: {
  epoch: number;
  trans: TranslationBundle;
}): React.JSX.Element {
  const age = Date.now() / 1000 - props.epoch;
  const now = useNow(nextTick(age));
  const exact = new Date(props.epoch * 1000);
  return (
    <time dateTime={exact.toISOString()} title={exact.toLocaleString()}>
      {formatRelative(
        props.epoch,
        now,
        props.trans,
        document.documentElement.lang || undefined
      )}
    </time>
  );
}

/** How long it has taken: growing, until it has ended and its `duration` (seconds) is known. */
export function Elapsed(props: {
  from: number;
  duration?: number | null;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { duration = null } = props;
  const now = useNow(duration === null ? 1000 : 3_600_000);
  return <span>{formatDuration(duration ?? now - props.from, props.trans)}</span>;
}
