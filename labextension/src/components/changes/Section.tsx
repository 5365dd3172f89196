import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { Change } from './words';
import { changeLabel, SIGNS } from './words';

export interface ISectionProps {
  change: Change;
  /** What it is. */
  title: React.ReactNode;
  /** Something to know even while it is closed. */
  beside?: React.ReactNode;
  open?: boolean;
  children?: React.ReactNode;
  trans: TranslationBundle;
}

/** One thing that differs: a line that says so, and how, which can be folded away. */
export function Section(props: ISectionProps): React.JSX.Element {
  const { change, trans } = props;
  const [open, setOpen] = React.useState(props.open ?? true);
  const Caret = open ? caretDownIcon : caretRightIcon;
  return (
    <section className="jp-mlops-change" data-change={change}>
      <h4>
        <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
          <Caret.react tag="span" width="16px" height="16px" />
          <ChangeSign change={change} trans={trans} />
          <span className="jp-mlops-change-title">{props.title}</span>
          <span className="jp-mlops-change-beside">{props.beside}</span>
        </button>
      </h4>
      {open && <div className="jp-mlops-change-body">{props.children}</div>}
    </section>
  );
}

/** How it differs: a sign, a colour, and a word for those who see neither. */
export function ChangeSign(props: {
  change: Change;
  trans: TranslationBundle;
}): React.JSX.Element {
  const label = changeLabel(props.change, props.trans);
  return (
    <span className="jp-mlops-change-sign" data-change={props.change} title={label}>
      <span aria-hidden="true">{SIGNS[props.change]}</span>
      <span className="jp-mlops-hidden">{label}</span>
    </span>
  );
}

/** What was left out or can't be known. */
export function Notes({ notes }: { notes: readonly string[] }): React.JSX.Element | null {
  return notes.length ? (
    <ul className="jp-mlops-changes-notes">
      {notes.map(note => (
        <li key={note}>{note}</li>
      ))}
    </ul>
  ) : null;
}
