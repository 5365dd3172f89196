import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { MlopsClient } from '../../api/client';
import { artifactBytes, artifactText, artifactUrl } from '../../api/artifacts';
import type { Artifact } from '../../api/types';
import {
  formatSize,
  imageType,
  previewOf,
  TEXT_BEGINNING,
  WHOLE_MOST
} from '../../model/artifactKinds';
import type { Preview } from '../../model/artifactKinds';
import type { ITable } from '../../model/table';
import { parseSeparated, tableOfJson } from '../../model/table';
import { useAnswer } from '../answer';
import { ErrorNotice } from '../ErrorNotice';
import { DataTable } from './DataTable';
import type { RenderNotebook } from './NotebookPreview';

/** What was read of a file, ready to be shown. */
type Content =
  | { kind: 'image'; picture: Blob }
  | { kind: 'table'; table: ITable }
  | { kind: 'notebook'; notebook: object }
  | { kind: 'html'; text: string }
  | { kind: 'text'; text: string; cut: boolean }
  | { kind: 'none' };

/**
 * Before what somebody else has written: no script, no network, no origin (the frame's sandbox says
 * the same of the first and the last).
 */
const POLICY =
  `<!DOCTYPE html><meta http-equiv="Content-Security-Policy" content="default-src 'none'; ` +
  `img-src data:; media-src data:; style-src 'unsafe-inline'; font-src data:">`;

/** A file of a run: shown by its kind, or by its beginning, or only downloaded. */
export function ArtifactPreview(props: {
  artifact: Artifact;
  client: MlopsClient;
  run: string;
  renderNotebook: RenderNotebook;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { artifact, client, run, trans } = props;
  const answer = useAnswer(
    () => readContent(client, run, artifact),
    [client, run, artifact]
  );
  const { value: content, error } = answer;

  const name = artifact.path.slice(artifact.path.lastIndexOf('/') + 1);
  return (
    <section className="jp-mlops-preview" aria-label={artifact.path}>
      <header className="jp-mlops-preview-head">
        <span className="jp-mlops-preview-path" title={artifact.path}>
          {artifact.path}
        </span>
        {artifact.size !== null && (
          <span className="jp-mlops-count">{formatSize(artifact.size)}</span>
        )}
        <a
          className="jp-mlops-button"
          href={artifactUrl(client, run, artifact.path)}
          download={name}
        >
          {trans.__('Download')}
        </a>
      </header>
      {error ? (
        <ErrorNotice error={error} onRetry={answer.retry} trans={trans} />
      ) : content ? (
        <Shown content={content} name={name} {...props} />
      ) : (
        <div className="jp-mlops-empty" role="status">
          {trans.__('Loading…')}
        </div>
      )}
    </section>
  );
}

function Shown(props: {
  content: Content;
  name: string;
  artifact: Artifact;
  renderNotebook: RenderNotebook;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { content, name, artifact, trans } = props;
  switch (content.kind) {
    case 'image':
      return <Picture picture={content.picture} name={name} />;
    case 'table':
      return <DataTable table={content.table} label={name} trans={trans} />;
    case 'notebook':
      return <>{props.renderNotebook(content.notebook)}</>;
    case 'html':
      return (
        <iframe
          className="jp-mlops-preview-frame"
          title={name}
          sandbox=""
          referrerPolicy="no-referrer"
          srcDoc={POLICY + content.text}
        />
      );
    case 'text':
      return (
        <>
          {content.cut && (
            <p className="jp-mlops-quiet">
              {trans.__(
                'The first %1 of %2. Download it for all.',
                formatSize(TEXT_BEGINNING),
                formatSize(artifact.size ?? 0)
              )}
            </p>
          )}
          <pre className="jp-mlops-preview-text" tabIndex={0}>
            {content.text}
          </pre>
        </>
      );
    case 'none':
      return (
        <div className="jp-mlops-empty">
          {WHOLE_MOST[previewOf(artifact)] === undefined
            ? trans.__('There is no preview of files of this kind.')
            : trans.__('It is too large for a preview.')}
        </div>
      );
  }
}

function Picture(props: { picture: Blob; name: string }): React.JSX.Element {
  const [url, setUrl] = React.useState<string | null>(null);
  React.useEffect(() => {
    const made = URL.createObjectURL(props.picture);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [props.picture]);
  return (
    <div className="jp-mlops-preview-image" tabIndex={0}>
      {url && <img src={url} alt={props.name} />}
    </div>
  );
}

async function readContent(
  client: MlopsClient,
  run: string,
  artifact: Artifact
): Promise<Content> {
  const { path } = artifact;
  const kind: Preview = previewOf(artifact);
  const size = artifact.size ?? 0;
  const whole = WHOLE_MOST[kind];
  const fits = whole === undefined || size <= whole;
  if (kind === 'none' || (!fits && kind !== 'json')) {
    return { kind: 'none' };
  }
  if (kind === 'image') {
    const bytes = await artifactBytes(client, run, path, whole);
    return { kind, picture: new Blob([bytes], { type: imageType(path) }) };
  }
  if (kind === 'html' || kind === 'notebook' || (kind === 'json' && fits)) {
    const text = await artifactText(client, run, path);
    return kind === 'html' ? { kind, text } : ofJson(text, kind);
  }
  const cut = size > TEXT_BEGINNING;
  const text = await artifactText(client, run, path, TEXT_BEGINNING);
  if (kind === 'table') {
    const separator = path.toLowerCase().endsWith('.tsv') ? '\t' : ',';
    return { kind, table: parseSeparated(text, separator, cut) };
  }
  return { kind: 'text', text, cut };
}

function ofJson(text: string, kind: 'notebook' | 'json'): Content {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { kind: 'text', text, cut: false };
  }
  if (kind === 'notebook' && typeof value === 'object' && value !== null) {
    return { kind, notebook: value };
  }
  const table = tableOfJson(value);
  return table
    ? { kind: 'table', table }
    : { kind: 'text', text: JSON.stringify(value, null, 2), cut: false };
}
