import { Clipboard } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { Virtual } from '../Virtual';
import { CopyButton } from './Copy';

export interface IValueRow {
  readonly name: string;
  /** As many as there are columns after the name; the first is what is copied. */
  readonly values: readonly string[];
  /** What stands behind the first value where that is shortened. */
  readonly whole?: string;
}

export interface IValueTableProps {
  /** What it holds, for who can't see it. */
  label: string;
  columns: readonly string[];
  rows: readonly IValueRow[];
  /** Said when there are no rows. */
  empty: string;
  /** How many rows are in view at most. */
  visibleRows?: number;
  /** Numbers are aligned to the right. */
  numeric?: boolean;
  /** What can be done with a row besides copying. */
  renderActions?: (row: IValueRow) => React.ReactNode;
  trans: TranslationBundle;
}

const ROW_HEIGHT = 24;
/** A search field for a handful of rows would be in the way. */
const SEARCH_FROM = 8;
/** Characters of a value that are laid out: a megabyte in one line stops a browser. */
const SHOWN_MOST = 500;
const WHOLE_MOST = 100_000;

/** Names and values: dense, searched, copied, ten thousands of them as quick as ten. */
export function ValueTable(props: IValueTableProps): React.JSX.Element {
  const { rows, columns, trans } = props;
  const [words, setWords] = React.useState('');
  const [active, setActive] = React.useState(0);
  const [openName, setOpenName] = React.useState<string | null>(null);
  const id = React.useId();
  const found = React.useMemo(() => search(rows, words), [rows, words]);
  const current = Math.min(active, found.length - 1);
  const opened = openName === null ? undefined : found.find(row => row.name === openName);
  const visible = Math.min(found.length, props.visibleRows ?? 14);

  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.target !== event.currentTarget) {
      return;
    }
    const last = found.length - 1;
    const moves: Record<string, number | undefined> = {
      ArrowDown: current + 1,
      ArrowUp: current - 1,
      PageDown: current + visible,
      PageUp: current - visible,
      Home: 0,
      End: last
    };
    const next = moves[event.key];
    if (next !== undefined) {
      setActive(Math.max(0, Math.min(next, last)));
    } else if (event.key === 'Enter' || event.key === ' ') {
      toggle(found[current]);
    } else if (event.key === 'Escape' && openName !== null) {
      setOpenName(null);
    } else if (event.key === 'c' && (event.ctrlKey || event.metaKey)) {
      if (window.getSelection()?.isCollapsed === false) {
        return;
      }
      Clipboard.copyToSystem(whole(found[current]));
    } else {
      return;
    }
    event.preventDefault();
  };
  const toggle = (row: IValueRow) => setOpenName(openName === row.name ? null : row.name);

  if (!rows.length) {
    return <p className="jp-mlops-quiet">{props.empty}</p>;
  }
  const grid = { gridTemplateColumns: template(columns.length, props.numeric ?? false) };
  return (
    <div className="jp-mlops-values" data-numeric={props.numeric ? true : undefined}>
      {rows.length >= SEARCH_FROM && (
        <input
          type="search"
          className="jp-mlops-filter"
          placeholder={trans.__('Search %1', rows.length)}
          aria-label={trans.__('Search: %1', props.label)}
          value={words}
          spellCheck={false}
          onChange={event => {
            setWords(event.target.value);
            setActive(0);
          }}
        />
      )}
      <div
        className="jp-mlops-values-grid"
        role="grid"
        aria-label={props.label}
        aria-rowcount={found.length + 1}
        aria-activedescendant={found.length ? `${id}-${current}` : undefined}
        tabIndex={0}
        onKeyDown={found.length ? onKeyDown : undefined}
      >
        <div role="rowgroup">
          <div role="row" className="jp-mlops-values-row jp-mod-head" style={grid}>
            {[trans.__('Name'), ...columns].map(column => (
              <span key={column} role="columnheader">
                {column}
              </span>
            ))}
            <span role="columnheader" aria-label={trans.__('Actions')}>
              <CopyButton
                text={() => asLines(columns, found)}
                label={trans.__('Copy all as a table')}
                trans={trans}
              />
            </span>
          </div>
        </div>
        <div
          className="jp-mlops-values-body"
          role="rowgroup"
          style={{ height: Math.max(visible, 1) * ROW_HEIGHT }}
        >
          {found.length ? (
            <Virtual
              count={found.length}
              rowHeight={ROW_HEIGHT}
              activeIndex={current}
              renderRow={index => {
                const row = found[index];
                return (
                  <div
                    key={row.name}
                    id={`${id}-${index}`}
                    role="row"
                    aria-rowindex={index + 2}
                    className={
                      'jp-mlops-values-row' + (index === current ? ' jp-mod-active' : '')
                    }
                    data-open={row === opened ? true : undefined}
                    style={grid}
                    onClick={() => {
                      setActive(index);
                      if (window.getSelection()?.isCollapsed !== false) {
                        toggle(row);
                      }
                    }}
                  >
                    <span role="rowheader" title={row.name.slice(0, SHOWN_MOST)}>
                      {row.name.slice(0, SHOWN_MOST)}
                    </span>
                    {row.values.map((value, place) => (
                      <span key={place} role="gridcell" title={value.slice(0, SHOWN_MOST)}>
                        {value.slice(0, SHOWN_MOST)}
                      </span>
                    ))}
                    <span className="jp-mlops-values-actions" role="gridcell">
                      {props.renderActions?.(row)}
                      <CopyButton
                        text={() => whole(row)}
                        label={trans.__('Copy the value of %1', row.name.slice(0, 80))}
                        trans={trans}
                      />
                    </span>
                  </div>
                );
              }}
            />
          ) : (
            <div role="row">
              <span role="gridcell" className="jp-mlops-quiet">
                {trans.__('Nothing has these words.')}
              </span>
            </div>
          )}
        </div>
      </div>
      {opened && (
        <div className="jp-mlops-values-whole" role="region" aria-label={opened.name}>
          <strong>{opened.name.slice(0, SHOWN_MOST)}</strong>
          <pre tabIndex={0}>{whole(opened).slice(0, WHOLE_MOST)}</pre>
          {whole(opened).length > WHOLE_MOST && (
            <p className="jp-mlops-quiet">
              {trans.__(
                'The first %1 of %2 characters. Copying takes all.',
                WHOLE_MOST.toLocaleString(),
                whole(opened).length.toLocaleString()
              )}
            </p>
          )}
        </div>
      )}
    </div>
  );
}

/** Rows that have all the words, in their names or first values. */
export function search(rows: readonly IValueRow[], words: string): readonly IValueRow[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  if (!wanted.length) {
    return rows;
  }
  return rows.filter(row => {
    const text = `${row.name}\n${whole(row).slice(0, 10_000)}`.toLowerCase();
    return wanted.every(word => text.includes(word));
  });
}

/** Lines with tabs between, as spreadsheets take them. */
export function asLines(columns: readonly string[], rows: readonly IValueRow[]): string {
  const clean = (text: string) => text.replace(/[\t\r\n]+/g, ' ');
  return [
    ['name', ...columns].map(clean).join('\t'),
    ...rows.map(row => [row.name, whole(row), ...row.values.slice(1)].map(clean).join('\t'))
  ].join('\n');
}

function whole(row: IValueRow): string {
  return row.whole ?? row.values[0] ?? '';
}

function template(columns: number, numeric: boolean): string {
  if (numeric) {
    return `minmax(96px, 1fr) repeat(${columns}, minmax(44px, 84px)) auto`;
  }
  return columns === 1
    ? 'minmax(80px, 2fr) minmax(80px, 3fr) auto'
    : `minmax(90px, 2fr) repeat(${columns}, minmax(56px, 1fr)) auto`;
}
