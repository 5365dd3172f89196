import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

/** Names that are listed at once; the others are found by their names. */
const LISTED = 200;

export interface INameChoiceProps {
  names: readonly { readonly key: string; readonly name: string }[];
  chosen: readonly string[];
  /** So many can be chosen. */
  most: number;
  onChosen: (keys: readonly string[]) => void;
  /** What is chosen. */
  label: string;
  className: string;
  autoFocus?: boolean;
  trans: TranslationBundle;
  /** Below the names. */
  children?: React.ReactNode;
}

/** Several names to choose from very many. */
export function NameChoice(props: INameChoiceProps): React.JSX.Element {
  const { names, chosen, trans } = props;
  const [words, setWords] = React.useState('');
  const wanted = words.trim().toLowerCase();
  const found = names.filter(({ name }) => name.toLowerCase().includes(wanted));
  const full = chosen.length >= props.most;
  return (
    <>
      <input
        type="search"
        className="jp-mlops-filter"
        autoFocus={props.autoFocus}
        placeholder={trans.__('Filter names')}
        aria-label={trans.__('Filter names')}
        value={words}
        onChange={event => setWords(event.target.value)}
      />
      <div className={props.className} role="group" aria-label={props.label}>
        {found.slice(0, LISTED).map(({ key, name }) => {
          const isChosen = chosen.includes(key);
          return (
            <label key={key} className="jp-mlops-check jp-mlops-picked" title={name}>
              <input
                type="checkbox"
                checked={isChosen}
                disabled={full && !isChosen}
                onChange={() =>
                  props.onChosen(
                    isChosen ? chosen.filter(one => one !== key) : [...chosen, key]
                  )
                }
              />
              <span>{name}</span>
            </label>
          );
        })}
        {!found.length && <p role="status">{trans.__('No name matches.')}</p>}
        {found.length > LISTED && (
          <p>{trans.__('%1 more: filter for them', found.length - LISTED)}</p>
        )}
        {props.children}
      </div>
    </>
  );
}
