import { Dialog, ReactWidget, showDialog } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { MlopsError } from '../api/client';
import { reporting } from '../commands';

export interface INote {
  note: string;
  /** Goes with a changed note, so that nobody overwrites one that they haven't seen. */
  version: string;
}

/**
 * Show a note and let it be changed. Where somebody else has changed it meanwhile, both texts are
 * shown and the person decides.
 */
export async function editNote(options: {
  title: string;
  load: () => Promise<INote>;
  save: (note: INote) => Promise<unknown>;
  trans: TranslationBundle;
}): Promise<void> {
  const { title, trans } = options;
  const loaded = await reporting(options.load());
  if (!loaded) {
    return;
  }
  let text = loaded.note;
  let { version } = loaded;
  let theirs: string | null = null;
  for (;;) {
    const body: NoteBody = new NoteBody(text, theirs, trans);
    const buttons = [
      Dialog.cancelButton(),
      ...(theirs === null
        ? []
        : [Dialog.createButton({ label: trans.__('Keep theirs'), actions: ['theirs'] })]),
      Dialog.okButton({
        label: theirs === null ? trans.__('Save') : trans.__('Save mine')
      })
    ];
    const answer = await showDialog({
      title:
        theirs === null ? trans.__('Note: %1', title) : trans.__('The note has changed'),
      body,
      buttons,
      defaultButton: buttons.length - 1,
      focusNodeSelector: '.jp-mlops-note-mine'
    });
    if (!answer.button.accept || answer.button.actions.includes('theirs')) {
      return;
    }
    text = answer.value ?? text;
    if (text === loaded.note && theirs === null) {
      return;
    }
    try {
      await options.save({ note: text, version });
      return;
    } catch (error) {
      const now =
        error instanceof MlopsError && error.code === 'note_changed'
          ? error.problems.find(one => one.note_version !== undefined)
          : undefined;
      if (!now) {
        // What was typed isn't lost: the dialog opens again below what was refused.
        await reporting(Promise.reject(error as Error));
        continue;
      }
      theirs = now.note ?? '';
      version = now.note_version ?? version;
    }
  }
}

/** One text, or two where they have come apart. */
class NoteBody extends ReactWidget implements Dialog.IBodyWidget {
  constructor(
    private _text: string,
    private readonly _theirs: string | null,
    private readonly _trans: TranslationBundle
  ) {
    super();
    this.addClass('jp-mlops-note');
  }

  getValue(): string {
    return this._text;
  }

  protected render(): React.JSX.Element {
    const trans = this._trans;
    return (
      <div className="jp-mlops-note-texts">
        {this._theirs !== null && (
          <label>
            {trans.__('As it is now')}
            <textarea
              className="jp-mlops-note-theirs"
              readOnly
              rows={9}
              value={this._theirs}
            />
          </label>
        )}
        <label>
          {this._theirs === null ? trans.__('Markdown') : trans.__('Yours')}
          <textarea
            className="jp-mlops-note-mine"
            rows={9}
            defaultValue={this._text}
            onChange={event => {
              this._text = event.target.value;
            }}
            onKeyDown={event => {
              // Else Enter would close the dialog.
              if (event.key === 'Enter' && !event.ctrlKey && !event.metaKey) {
                event.stopPropagation();
              }
            }}
          />
        </label>
        {this._theirs !== null && (
          <p>
            {trans.__(
              'Somebody has changed this note since you opened it. Put both together in your text and save it, or keep theirs.'
            )}
          </p>
        )}
      </div>
    );
  }
}
