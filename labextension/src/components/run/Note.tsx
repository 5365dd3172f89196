import type { TranslationBundle } from '@jupyterlab/translation';
import { editIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { MlopsError } from '../../api/client';
import { otherNote } from '../../api/run';
import type { RunDetail } from '../../api/types';
import type { RunModel } from '../../model/run';
import { IconButton } from './IconButton';

/** MLflow keeps no longer ones. */
const NOTE_MOST = 8000;

/** The run's note; who edits one that somebody else has changed meanwhile sees both. */
export function Note(props: {
  model: RunModel;
  detail: RunDetail;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { model, detail, trans } = props;
  const { note } = detail.run;
  const [draft, setDraft] = React.useState<string | null>(null);
  const [version, setVersion] = React.useState('');
  const [other, setOther] = React.useState<string | null>(null);
  const [problem, setProblem] = React.useState('');
  const [busy, setBusy] = React.useState(false);
  const field = React.useRef<HTMLTextAreaElement>(null);
  const edited = React.useRef<HTMLButtonElement | null>(null);

  const begin = () => {
    setDraft(note);
    setVersion(detail.note_version);
    setOther(null);
    setProblem('');
  };
  const close = () => {
    setDraft(null);
    setOther(null);
    window.setTimeout(() => edited.current?.focus());
  };
  const save = async () => {
    setBusy(true);
    setProblem('');
    try {
      await model.change({ note: draft ?? '', note_version: version });
      close();
    } catch (error) {
      const theirs = otherNote(error);
      if (theirs) {
        setOther(theirs.note);
        setVersion(theirs.version);
      } else if (error instanceof MlopsError) {
        setProblem([error.message, error.hint].filter(Boolean).join(' '));
      } else {
        throw error;
      }
    } finally {
      setBusy(false);
    }
  };
  React.useEffect(() => {
    if (draft !== null) {
      field.current?.focus();
    }
  }, [draft === null]);

  if (draft === null) {
    return (
      <div
        className="jp-mlops-note"
        ref={node => (edited.current = node?.querySelector('button') ?? null)}
      >
        {note ? (
          <>
            <p className="jp-mlops-note-text">{note}</p>
            <IconButton icon={editIcon} label={trans.__('Edit the note')} onClick={begin} />
          </>
        ) : (
          <button type="button" className="jp-mlops-quietLink" onClick={begin}>
            {trans.__('Add a note')}
          </button>
        )}
      </div>
    );
  }
  return (
    <form
      className="jp-mlops-note jp-mod-editing"
      onSubmit={event => {
        event.preventDefault();
        void save();
      }}
      onKeyDown={event => {
        if (event.key === 'Escape') {
          close();
        } else if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
          event.preventDefault();
          void save();
        } else {
          return;
        }
        event.stopPropagation();
      }}
    >
      {other !== null && (
        <div className="jp-mlops-notice" role="alert">
          <div className="jp-mlops-notice-what">
            {trans.__('The note was changed meanwhile, perhaps in another tab.')}
          </div>
          <div>{trans.__('As it is now:')}</div>
          <pre className="jp-mlops-note-other">{other || trans.__('(empty)')}</pre>
          <button
            type="button"
            className="jp-mlops-link"
            onClick={() => setDraft([other, draft].filter(Boolean).join('\n\n'))}
          >
            {trans.__('Put both together')}
          </button>
          {' · '}
          <button type="button" className="jp-mlops-link" onClick={() => setDraft(other)}>
            {trans.__('Take that one')}
          </button>
        </div>
      )}
      <label>
        <span>{other === null ? trans.__('Note') : trans.__('Your version')}</span>
        <textarea
          ref={field}
          rows={4}
          maxLength={NOTE_MOST}
          value={draft}
          onChange={event => setDraft(event.target.value)}
        />
      </label>
      {problem && (
        <div className="jp-mlops-notice jp-mod-error" role="alert">
          {problem}
        </div>
      )}
      <div className="jp-mlops-note-buttons">
        <button type="submit" className="jp-mlops-button jp-mod-primary" disabled={busy}>
          {trans.__('Save note')}
        </button>
        <button type="button" className="jp-mlops-button" onClick={close}>
          {trans.__('Discard')}
        </button>
      </div>
    </form>
  );
}
