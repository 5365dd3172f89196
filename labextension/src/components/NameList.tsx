import type { TranslationBundle } from '@jupyterlab/translation';
import { caretDownIcon, caretUpIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { MlopsError } from '../api/client';
import type { Columns } from '../api/runs';
import { listColumns } from '../api/runs';
import type { ColumnKind } from '../model/runColumns';
import {
  ATTRIBUTES,
  column,
  columnLabel,
  kindLabel,
  kindOf,
  moved,
  toggled
} from '../model/runColumns';
import type { RunsTableModel } from '../model/runsTable';
import { canGroup } from '../model/runsView';

const KINDS: readonly ColumnKind[] = ['metrics', 'params', 'tags', 'attributes'];
const SETTLED_MS = 200;
/** Names of one kind that are listed at once; the search finds the others. */
const MOST_LISTED = 100;

export interface INameListProps {
  model: RunsTableModel;
  /** Choose the columns, or what runs are grouped by. */
  purpose: 'columns' | 'group';
  onClose: () => void;
  trans: TranslationBundle;
}

/** Everything that runs have, with a search: columns to choose, or one thing to group by. */
export function NameList(props: INameListProps): React.JSX.Element {
  const { model, purpose, trans } = props;
  const [words, setWords] = React.useState('');
  const [names, setNames] = React.useState<Columns | null>(null);
  const [problem, setProblem] = React.useState('');
  const { columns, view } = model;

  React.useEffect(() => {
    let current = true;
    const timer = window.setTimeout(
      () => {
        listColumns(model.client, model.experiment, words.trim())
          .then(found => {
            if (current) {
              setNames(found);
              setProblem('');
            }
          })
          .catch((error: unknown) => {
            if (!(error instanceof MlopsError)) {
              throw error;
            }
            if (current) {
              setProblem(error.message);
            }
          });
      },
      names ? SETTLED_MS : 0
    );
    return () => {
      current = false;
      window.clearTimeout(timer);
    };
  }, [model, words]);

  const keysOf = (kind: ColumnKind): string[] => {
    const known =
      kind === 'attributes'
        ? Object.keys(ATTRIBUTES).filter(name =>
            columnLabel(`attributes.${name}`, trans)
              .toLowerCase()
              .includes(words.trim().toLowerCase())
          )
        : (names?.[kind] ?? []);
    const keys = known.map(name => `${kind}.${name}`);
    return purpose === 'group' ? keys.filter(canGroup) : keys;
  };
  const chosen = new Set(columns.map(one => one.key));

  const set = (next: typeof columns) => model.setView({ ...view, columns: next });
  const shift = (from: number, by: number) => {
    if (from + by >= 0 && from + by < columns.length) {
      set(moved(columns, from, by > 0 ? from + 2 : from - 1));
    }
  };

  /** Arrows go from line to line, wherever in the list the keyboard is. */
  const onKeyDown = (event: React.KeyboardEvent) => {
    if (event.key === 'Escape') {
      event.stopPropagation();
      props.onClose();
      return;
    }
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || event.altKey) {
      return;
    }
    event.preventDefault();
    const stops = [
      ...event.currentTarget.querySelectorAll<HTMLElement>(
        'input[type="search"], [data-stop]'
      )
    ];
    const at = stops.indexOf(document.activeElement as HTMLElement);
    stops[Math.min(Math.max(at + step, 0), stops.length - 1)]?.focus();
  };

  return (
    <div
      className="jp-mlops-names"
      role="dialog"
      aria-label={purpose === 'columns' ? trans.__('Columns') : trans.__('Group by')}
      onKeyDown={onKeyDown}
    >
      <input
        type="search"
        className="jp-mlops-filter"
        autoFocus
        placeholder={trans.__('Search parameters, metrics, tags')}
        aria-label={trans.__('Search parameters, metrics, tags')}
        value={words}
        spellCheck={false}
        onChange={event => setWords(event.target.value)}
      />
      <div className="jp-mlops-names-list">
        {purpose === 'columns' && !words && columns.length > 0 && (
          <section>
            <h4>
              {trans.__('Shown, in this order')}
              <button
                type="button"
                className="jp-mlops-link"
                onClick={() => model.setView({ ...view, columns: null })}
              >
                {trans.__('Reset')}
              </button>
            </h4>
            {columns.map(({ key }, index) => (
              <Shown
                key={key}
                name={key}
                onHide={() => set(toggled(columns, key))}
                onMove={by => shift(index, by)}
                trans={trans}
              />
            ))}
          </section>
        )}
        {purpose === 'group' && !words && (
          <section>
            <Pick
              label={trans.__('No groups')}
              on={view.group === null}
              onClick={() => {
                model.setView({ ...view, group: null });
                props.onClose();
              }}
            />
          </section>
        )}
        {problem && (
          <p className="jp-mlops-names-none" role="alert">
            {problem}
          </p>
        )}
        {KINDS.map(kind => {
          const keys = keysOf(kind).filter(
            key => purpose === 'group' || words || !chosen.has(key)
          );
          return (
            keys.length > 0 && (
              <section key={kind}>
                <h4>{kindLabel(kind, trans)}</h4>
                {keys.slice(0, MOST_LISTED).map(key =>
                  purpose === 'columns' ? (
                    <label key={key} className="jp-mlops-names-name" title={key}>
                      <input
                        type="checkbox"
                        data-stop
                        checked={chosen.has(key)}
                        onChange={() => set(toggled(columns, key))}
                      />
                      <span>{columnLabel(key, trans)}</span>
                    </label>
                  ) : (
                    <Pick
                      key={key}
                      label={columnLabel(key, trans)}
                      on={view.group === key}
                      onClick={() => {
                        model.setView({ ...view, group: key });
                        props.onClose();
                      }}
                    />
                  )
                )}
                {keys.length > MOST_LISTED && (
                  <p className="jp-mlops-names-none">
                    {trans.__('%1 more: search for them.', keys.length - MOST_LISTED)}
                  </p>
                )}
              </section>
            )
          );
        })}
        {!names && !problem && (
          <p className="jp-mlops-names-none" role="status">
            {trans.__('Loading…')}
          </p>
        )}
        {names && KINDS.every(kind => keysOf(kind).length === 0) && (
          <p className="jp-mlops-names-none">{trans.__('Nothing is called like that.')}</p>
        )}
      </div>
    </div>
  );
}

function Pick(props: {
  label: string;
  on: boolean;
  onClick: () => void;
}): React.JSX.Element {
  return (
    <button
      type="button"
      className="jp-mlops-names-name"
      data-stop
      aria-pressed={props.on}
      title={props.label}
      onClick={props.onClick}
    >
      <span>{props.label}</span>
    </button>
  );
}

function Shown(props: {
  name: string;
  onHide: () => void;
  onMove: (by: number) => void;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { name, trans } = props;
  const label = columnLabel(name, trans);
  return (
    <div className="jp-mlops-names-name" title={name}>
      <label>
        <input
          type="checkbox"
          data-stop
          checked
          onChange={props.onHide}
          onKeyDown={event => {
            const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
            if (by && event.altKey) {
              event.preventDefault();
              props.onMove(by);
            }
          }}
        />
        <span>{label}</span>
        <small>{kindLabel(kindOf(column(name).key), trans)}</small>
      </label>
      <button
        type="button"
        className="jp-mlops-iconButton"
        tabIndex={-1}
        aria-label={trans.__('Move %1 up', label)}
        title={trans.__('Move up (Alt ↑)')}
        onClick={() => props.onMove(-1)}
      >
        <caretUpIcon.react tag="span" width="14px" height="14px" />
      </button>
      <button
        type="button"
        className="jp-mlops-iconButton"
        tabIndex={-1}
        aria-label={trans.__('Move %1 down', label)}
        title={trans.__('Move down (Alt ↓)')}
        onClick={() => props.onMove(1)}
      >
        <caretDownIcon.react tag="span" width="14px" height="14px" />
      </button>
    </div>
  );
}
