import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { IDiffs, Part } from '../api/changes';
import { diffRuns, PARTS } from '../api/changes';
import type { MlopsClient } from '../api/client';
import { MlopsError } from '../api/client';
import { ErrorNotice } from './ErrorNotice';
import { CodeView } from './changes/CodeView';
import { DataView } from './changes/DataView';
import { NotebookView } from './changes/NotebookView';
import { PackagesView } from './changes/PackagesView';
import type { Layout } from './changes/TextView';
import { partLabel } from './changes/words';

export interface IRunChangesProps {
  /** The ids of two runs: how the second differs from the first. */
  runs: readonly [string, string];
  /** What they are called; their ids' beginnings when left out. */
  names?: readonly [string, string];
  client: MlopsClient;
  trans: TranslationBundle;
}

type Found = Partial<IDiffs>;
type Errors = Partial<Record<Part, MlopsError>>;

/** What changed between two runs: notebook, packages, code, data, each once it is asked for. */
export function RunChanges(props: IRunChangesProps): React.JSX.Element {
  const { client, trans } = props;
  const [swapped, setSwapped] = React.useState(false);
  const [before, after] = swapped ? [props.runs[1], props.runs[0]] : props.runs;
  const given =
    props.names ?? ([props.runs[0], props.runs[1]].map(shortId) as [string, string]);
  const names: [string, string] = swapped ? [given[1], given[0]] : [given[0], given[1]];
  const [part, setPart] = React.useState<Part>('notebook');
  const [layout, setLayout] = React.useState<Layout>('unified');
  const [retried, setRetried] = React.useState(0);
  const { found, errors } = useDiffs(client, before, after, part, retried);
  const id = React.useId();
  const body = React.useRef<HTMLDivElement>(null);
  const textual = part === 'notebook' || part === 'code';

  return (
    <div
      className="jp-mlops-changes"
      onKeyDown={event => {
        if (event.altKey && (event.key === 'ArrowDown' || event.key === 'ArrowUp')) {
          event.preventDefault();
          step(body.current, event.key === 'ArrowDown' ? 1 : -1);
        }
      }}
    >
      <div className="jp-mlops-changes-head">
        <Tabs
          part={part}
          onPart={setPart}
          found={found}
          errors={errors}
          id={id}
          trans={trans}
        />
        <div className="jp-mlops-changes-legend">
          <span className="jp-mlops-changes-name" data-op="-" title={before}>
            − {names[0]}
          </span>
          <button
            type="button"
            className="jp-mlops-iconButton"
            title={trans.__('Swap the two runs')}
            aria-label={trans.__('Swap the two runs')}
            onClick={() => setSwapped(!swapped)}
          >
            ⇄
          </button>
          <span className="jp-mlops-changes-name" data-op="+" title={after}>
            + {names[1]}
          </span>
        </div>
        {textual && (
          <div className="jp-mlops-changes-tools">
            <div role="group" aria-label={trans.__('Layout')}>
              {(['unified', 'split'] as const).map(one => (
                <button
                  key={one}
                  type="button"
                  className="jp-mlops-chip"
                  aria-pressed={layout === one}
                  onClick={() => setLayout(one)}
                >
                  {one === 'unified' ? trans.__('Unified') : trans.__('Side by side')}
                </button>
              ))}
            </div>
            <button
              type="button"
              className="jp-mlops-iconButton"
              title={trans.__('Previous change (Alt+Up)')}
              aria-label={trans.__('Previous change')}
              onClick={() => step(body.current, -1)}
            >
              ↑
            </button>
            <button
              type="button"
              className="jp-mlops-iconButton"
              title={trans.__('Next change (Alt+Down)')}
              aria-label={trans.__('Next change')}
              onClick={() => step(body.current, 1)}
            >
              ↓
            </button>
          </div>
        )}
      </div>
      <div
        ref={body}
        className="jp-mlops-changes-body"
        role="tabpanel"
        id={`${id}-panel`}
        aria-labelledby={`${id}-${part}`}
        tabIndex={0}
      >
        {errors[part] ? (
          <ErrorNotice
            error={errors[part]}
            onRetry={() => setRetried(retried + 1)}
            trans={trans}
          />
        ) : !found[part] ? (
          <p className="jp-mlops-empty" role="status">
            {trans.__('Comparing…')}
          </p>
        ) : (
          <Answer part={part} found={found} layout={layout} names={names} trans={trans} />
        )}
      </div>
    </div>
  );
}

/** The parts that were compared: the one in front first, then the others, one after the other. */
function useDiffs(
  client: MlopsClient,
  before: string,
  after: string,
  part: Part,
  retried: number
): { found: Found; errors: Errors } {
  const key = `${before} ${after} ${retried}`;
  const [state, setState] = React.useState<{ key: string; found: Found; errors: Errors }>({
    key,
    found: {},
    errors: {}
  });
  const current = state.key === key ? state : { key, found: {}, errors: {} };
  const wanted = [part, ...PARTS].find(one => !current.found[one] && !current.errors[one]);

  React.useEffect(() => {
    if (!wanted) {
      return;
    }
    let left = false;
    const take = (found: Found, errors: Errors) => {
      if (!left) {
        setState(old => {
          const kept = old.key === key ? old : { found: {}, errors: {} };
          return {
            key,
            found: { ...kept.found, ...found },
            errors: { ...kept.errors, ...errors }
          };
        });
      }
    };
    diffRuns(client, [before, after], wanted).then(
      answer => take(answer ? { [wanted]: answer.value } : {}, {}),
      (error: unknown) =>
        take(
          {},
          {
            [wanted]:
              error instanceof MlopsError
                ? error
                : new MlopsError(0, { code: 'unexpected', detail: String(error) })
          }
        )
    );
    return () => {
      left = true;
    };
  }, [client, key, wanted]);
  return current;
}

function Tabs(props: {
  part: Part;
  onPart: (part: Part) => void;
  found: Found;
  errors: Errors;
  id: string;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { part, onPart, found, errors, id, trans } = props;
  const move = (to: number) => {
    const next = PARTS[(to + PARTS.length) % PARTS.length];
    onPart(next);
    document.getElementById(`${id}-${next}`)?.focus();
  };
  return (
    <div
      role="tablist"
      aria-label={trans.__('What changed')}
      className="jp-mlops-changes-tabs"
      onKeyDown={event => {
        const at = PARTS.indexOf(part);
        const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: -1 }[event.key];
        if (to !== undefined) {
          event.preventDefault();
          move(to);
        }
      }}
    >
      {PARTS.map(one => (
        <button
          key={one}
          id={`${id}-${one}`}
          type="button"
          role="tab"
          className="jp-mlops-tab"
          aria-selected={one === part}
          aria-controls={`${id}-panel`}
          tabIndex={one === part ? 0 : -1}
          onClick={() => onPart(one)}
        >
          {partLabel(one, trans)}
          <Count diff={found[one]} failed={!!errors[one]} trans={trans} />
        </button>
      ))}
    </div>
  );
}

function Count(props: {
  diff: IDiffs[Part] | undefined;
  failed: boolean;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { diff, failed, trans } = props;
  if (failed) {
    return (
      <span
        className="jp-mlops-changes-badge"
        data-kind="failed"
        title={trans.__('It failed')}
      >
        !
      </span>
    );
  }
  if (!diff) {
    return (
      <span className="jp-mlops-changes-badge" title={trans.__('Not compared yet')}>
        …
      </span>
    );
  }
  const unknown = missing(diff).includes(true);
  const said = unknown
    ? trans.__('Not known')
    : trans._n('%1 change', '%1 changes', diff.changes);
  return (
    <span
      className="jp-mlops-changes-badge"
      data-kind={unknown ? 'unknown' : diff.changes ? 'some' : 'none'}
      title={said}
    >
      <span aria-hidden="true">{unknown ? '?' : diff.changes}</span>
      <span className="jp-mlops-hidden">{said}</span>
    </span>
  );
}

/** Which of the two runs tell nothing. */
function missing(diff: IDiffs[Part]): boolean[] {
  return 'known' in diff
    ? diff.known.map(known => !known)
    : [diff.before === null, diff.after === null];
}

function Answer(props: {
  part: Part;
  found: Found;
  layout: Layout;
  names: readonly [string, string];
  trans: TranslationBundle;
}): React.JSX.Element {
  const { part, found, layout, names, trans } = props;
  const diff = found[part];
  const silent = diff
    ? missing(diff).flatMap((unknown, side) => (unknown ? [names[side]] : []))
    : [];
  return (
    <>
      {silent.map((name, index) => (
        <p key={index} className="jp-mlops-changes-unknown">
          {unknownText(part, name, trans)}
        </p>
      ))}
      {diff && !silent.length && !diff.changes && (
        <p className="jp-mlops-changes-equal">{equalText(part, trans)}</p>
      )}
      {part === 'notebook' && found.notebook && !silent.length && (
        <NotebookView diff={found.notebook} layout={layout} names={names} trans={trans} />
      )}
      {part === 'packages' && found.packages && !silent.length && (
        <PackagesView diff={found.packages} names={names} trans={trans} />
      )}
      {part === 'code' && found.code && !silent.length && (
        <CodeView diff={found.code} layout={layout} trans={trans} />
      )}
      {part === 'data' && found.data && (!silent.length || found.data.data.length > 0) && (
        <DataView diff={found.data} names={names} trans={trans} />
      )}
    </>
  );
}

function unknownText(part: Part, name: string, trans: TranslationBundle): string {
  switch (part) {
    case 'notebook':
      return trans.__('%1 keeps no notebook.', name);
    case 'packages':
      return trans.__('%1 does not tell its packages.', name);
    case 'code':
      return trans.__('%1 does not tell its code.', name);
    case 'data':
      return trans.__('%1 does not tell its data.', name);
  }
}

function equalText(part: Part, trans: TranslationBundle): string {
  switch (part) {
    case 'notebook':
      return trans.__('The notebooks are the same.');
    case 'packages':
      return trans.__('The packages are the same.');
    case 'code':
      return trans.__('The code is the same.');
    case 'data':
      return trans.__('The data is the same.');
  }
}

/** Lead the keyboard to the change after or before the one that has it. */
function step(body: HTMLElement | null, by: 1 | -1): void {
  const heads = [
    ...(body?.querySelectorAll<HTMLElement>('.jp-mlops-change > h4 > button') ?? [])
  ];
  const within = document.activeElement?.closest('.jp-mlops-change');
  const at = heads.findIndex(head => head.closest('.jp-mlops-change') === within);
  const to = at < 0 ? (by > 0 ? 0 : heads.length - 1) : at + by;
  heads[to]?.focus();
  heads[to]?.scrollIntoView({ block: 'nearest' });
}

function shortId(run: string): string {
  return run.slice(0, 12);
}
