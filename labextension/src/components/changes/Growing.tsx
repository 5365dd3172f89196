import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

export interface IGrowingProps {
  count: number;
  render: (index: number) => React.ReactNode;
  /** In a table's body: how many columns it has. */
  columns?: number;
  trans: TranslationBundle;
}

/** How many are there at first, and how many come when the end is near. */
const STEP = 30;

/** A list of whatever heights that is as long as somebody has looked. */
export function Growing(props: IGrowingProps): React.JSX.Element {
  const { count, render, columns, trans } = props;
  const [most, setMost] = React.useState(STEP);
  const end = React.useRef<HTMLButtonElement>(null);
  const left = count - most;

  React.useEffect(() => {
    if (!end.current || typeof IntersectionObserver === 'undefined') {
      return;
    }
    const observer = new IntersectionObserver(
      entries => {
        if (entries.some(entry => entry.isIntersecting)) {
          setMost(shown => shown + STEP);
        }
      },
      { rootMargin: '600px' }
    );
    observer.observe(end.current);
    return () => observer.disconnect();
    // Observed anew each time: an observer tells changes only, and the end may still be in view.
  }, [most, count]);

  const items: React.ReactNode[] = [];
  for (let index = 0; index < Math.min(count, most); index++) {
    items.push(render(index));
  }
  const more = left > 0 && (
    <button
      ref={end}
      type="button"
      className="jp-mlops-button jp-mlops-changes-more"
      onClick={() => setMost(most + STEP)}
    >
      {trans.__('Show %1 more', Math.min(left, STEP))}
    </button>
  );
  return (
    <>
      {items}
      {more && columns ? (
        <tr>
          <td colSpan={columns}>{more}</td>
        </tr>
      ) : (
        more
      )}
    </>
  );
}
