import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { NameChoice } from '../NameChoice';
import { Dropdown } from './Dropdown';

export interface INamePickerProps {
  label: string;
  names: readonly { readonly key: string; readonly name: string }[];
  chosen: readonly string[];
  most: number;
  onChosen: (keys: readonly string[]) => void;
  trans: TranslationBundle;
}

/** A button that opens a list to choose several names from; it says which are chosen. */
export function NamePicker(props: INamePickerProps): React.JSX.Element {
  const { label, names, chosen, trans } = props;
  return (
    <Dropdown
      button={trans.__('%1: %2 of %3', label, chosen.length, names.length)}
      label={label}
      side="left"
    >
      {() => <NameChoice {...props} className="jp-mlops-dropdown-list" autoFocus />}
    </Dropdown>
  );
}
