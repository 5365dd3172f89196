import type { TranslationBundle } from '@jupyterlab/translation';
import {
  caretDownIcon,
  caretRightIcon,
  fileIcon,
  folderIcon,
  html5Icon,
  imageIcon,
  jsonIcon,
  notebookIcon,
  spreadsheetIcon,
  textEditorIcon
} from '@jupyterlab/ui-components';
import type { LabIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { MlopsError } from '../../api/client';
import { listArtifacts } from '../../api/artifacts';
import type { Artifact, ArtifactList } from '../../api/types';
import { hasEnded } from '../../api/types';
import type { Preview } from '../../model/artifactKinds';
import { formatSize, previewOf } from '../../model/artifactKinds';
import type { TreeLine } from '../../model/artifactTree';
import { isRow, parentOf, treeLines } from '../../model/artifactTree';
import type { RunModel } from '../../model/run';
import { ErrorNotice } from '../ErrorNotice';
import { Virtual } from '../Virtual';
import { ArtifactPreview } from './ArtifactPreview';
import type { RenderNotebook } from './NotebookPreview';

const ROW_HEIGHT = 24;
const INDENT = 14;

const ICONS: Record<Preview, LabIcon> = {
  image: imageIcon,
  table: spreadsheetIcon,
  json: jsonIcon,
  notebook: notebookIcon,
  html: html5Icon,
  text: textEditorIcon,
  none: fileIcon
};

/** The files of a run as a tree, and the one that is chosen beside it. */
export function Artifacts(props: {
  model: RunModel;
  renderNotebook: RenderNotebook;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { model, trans } = props;
  const [listings, setListings] = React.useState<ReadonlyMap<string, ArtifactList>>(
    new Map()
  );
  const [open, setOpen] = React.useState<ReadonlySet<string>>(new Set());
  const [active, setActive] = React.useState(0);
  const [chosen, setChosen] = React.useState<Artifact | null>(null);
  const [error, setError] = React.useState<MlopsError | null>(null);
  const [generation, setGeneration] = React.useState(0);
  /** The request that was made last for each directory. */
  const asked = React.useRef(new Map<string, number>());
  const requests = React.useRef(0);
  const id = React.useId();
  const ended = model.detail !== null && hasEnded(model.detail.run.status);
  const recorded = 'mlops.reproducible' in (model.detail?.run.own_tags ?? {});

  const load = React.useCallback(
    async (path: string) => {
      if (asked.current.has(path)) {
        return;
      }
      const request = ++requests.current;
      const isLatest = () => asked.current.get(path) === request;
      asked.current.set(path, request);
      try {
        const found = await listArtifacts(model.client, model.id, path);
        // One that was asked before the end may come after the one that was asked behind it.
        if (isLatest()) {
          setListings(before => new Map(before).set(path, found));
        }
      } catch (problem) {
        if (!(problem instanceof MlopsError)) {
          throw problem;
        }
        if (isLatest()) {
          asked.current.delete(path);
          setError(problem);
        }
      }
    },
    [model]
  );
  // What a run leaves behind comes at its end, and what it was made of a little later.
  React.useEffect(() => {
    asked.current.clear();
    setError(null);
    for (const path of ['', ...open]) {
      void load(path);
    }
  }, [load, generation, ended, recorded]);

  const lines = React.useMemo(() => treeLines(listings, open), [listings, open]);
  const current = Math.max(0, Math.min(active, lines.length - 1));

  const setFolder = (path: string, opened: boolean) => {
    const next = new Set(open);
    next[opened ? 'add' : 'delete'](path);
    setOpen(next);
    if (opened) {
      void load(path);
    }
  };
  const choose = (line: TreeLine) => {
    if (!isRow(line)) {
      return;
    }
    if (line.artifact.directory) {
      setFolder(line.artifact.path, !line.open);
    } else {
      setChosen(line.artifact);
    }
  };
  const onKeyDown = (event: React.KeyboardEvent) => {
    const line = lines[current];
    const row = line && isRow(line) ? line : null;
    const moves: Record<string, number | undefined> = {
      ArrowDown: current + 1,
      ArrowUp: current - 1,
      PageDown: current + 20,
      PageUp: current - 20,
      Home: 0,
      End: lines.length - 1
    };
    const next = moves[event.key];
    if (next !== undefined) {
      setActive(Math.max(0, Math.min(next, lines.length - 1)));
    } else if (event.key === 'ArrowRight' && row?.artifact.directory) {
      if (row.open) {
        setActive(Math.min(current + 1, lines.length - 1));
      } else {
        setFolder(row.artifact.path, true);
      }
    } else if (event.key === 'ArrowLeft') {
      if (row?.open) {
        setFolder(row.artifact.path, false);
      } else {
        setActive(parentOf(lines, current));
      }
    } else if ((event.key === 'Enter' || event.key === ' ') && line) {
      choose(line);
    } else {
      return;
    }
    event.preventDefault();
  };

  const root = listings.get('');
  if (error && !root) {
    return (
      <ErrorNotice
        error={error}
        onRetry={() => setGeneration(generation + 1)}
        trans={trans}
      />
    );
  }
  if (root && !root.artifacts.length) {
    return (
      <div className="jp-mlops-empty" role="status">
        <h3>{trans.__('No artifacts')}</h3>
        <p>
          {ended
            ? trans.__('The run has left no files.')
            : trans.__(
                'Files that the run logs appear here; the notebook when it has ended.'
              )}
        </p>
      </div>
    );
  }
  return (
    <div className="jp-mlops-artifacts">
      <div
        className="jp-mlops-artifacts-tree"
        role="tree"
        tabIndex={0}
        aria-label={trans.__('Artifacts')}
        aria-activedescendant={lines.length ? `${id}-${current}` : undefined}
        onKeyDown={onKeyDown}
      >
        <Virtual
          count={lines.length}
          rowHeight={ROW_HEIGHT}
          activeIndex={current}
          renderRow={index => (
            <Line
              key={keyOf(lines[index])}
              id={`${id}-${index}`}
              line={lines[index]}
              active={index === current}
              chosen={chosen}
              onClick={() => {
                setActive(index);
                choose(lines[index]);
              }}
              trans={trans}
            />
          )}
        />
      </div>
      <div className="jp-mlops-artifacts-preview">
        {error && (
          <ErrorNotice
            error={error}
            onRetry={() => setGeneration(generation + 1)}
            trans={trans}
          />
        )}
        {chosen ? (
          <ArtifactPreview
            key={chosen.path}
            artifact={chosen}
            client={model.client}
            run={model.id}
            renderNotebook={props.renderNotebook}
            trans={trans}
          />
        ) : (
          <div className="jp-mlops-empty">
            {trans.__('Choose a file to see what is in it.')}
          </div>
        )}
      </div>
    </div>
  );
}

function Line(props: {
  id: string;
  line: TreeLine;
  active: boolean;
  chosen: Artifact | null;
  onClick: () => void;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { line, trans } = props;
  const style = { paddingLeft: 6 + line.depth * INDENT };
  if (!isRow(line)) {
    return (
      <div id={props.id} role="treeitem" className="jp-mlops-artifacts-line" style={style}>
        <span className="jp-mlops-quiet">
          {line.note === 'loading'
            ? trans.__('Loading…')
            : line.note === 'cut'
              ? trans.__('There are more files than can be listed.')
              : trans.__('(empty)')}
        </span>
      </div>
    );
  }
  const { artifact } = line;
  const Icon = artifact.directory ? folderIcon : ICONS[previewOf(artifact)];
  const Caret = line.open ? caretDownIcon : caretRightIcon;
  return (
    <div
      id={props.id}
      role="treeitem"
      aria-level={line.depth + 1}
      aria-expanded={artifact.directory ? line.open : undefined}
      aria-selected={props.chosen?.path === artifact.path}
      className={'jp-mlops-artifacts-line' + (props.active ? ' jp-mod-active' : '')}
      style={style}
      title={line.name}
      onClick={props.onClick}
    >
      <span className="jp-mlops-artifacts-caret" aria-hidden>
        {artifact.directory && <Caret.react tag="span" width="14px" height="14px" />}
      </span>
      <Icon.react tag="span" width="16px" height="16px" aria-hidden />
      <span className="jp-mlops-artifacts-name">{line.name}</span>
      {artifact.size !== null && (
        <span className="jp-mlops-count">{formatSize(artifact.size)}</span>
      )}
    </div>
  );
}

function keyOf(line: TreeLine): string {
  return isRow(line) ? line.artifact.path : `${line.path}/ ${line.note}`;
}
