import type { TranslationBundle } from '@jupyterlab/translation';
import { caretDownIcon, caretRightIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import type { RunGroup, RunRow } from '../api/runs';
import { nameOf } from '../model/runColumns';
import { runStatusLabel } from './RunStatus';

/** The first cell of a group's line: what its runs have in common, and how many they are. */
export function GroupName(props: {
  group: RunGroup;
  by: string;
  open: boolean;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { group, by, open, trans } = props;
  const caret = open ? caretDownIcon : caretRightIcon;
  const value =
    group.value === null
      ? trans.__('(none)')
      : by === 'attributes.status'
        ? runStatusLabel(group.value as RunRow['status'], trans)
        : group.value;
  const label = `${nameOf(by)}: ${value}`;
  return (
    <>
      <caret.react tag="span" width="16px" height="16px" />
      <span className="jp-mlops-grid-groupName" title={label}>
        {by !== 'attributes.status' && (
          <span className="jp-mlops-grid-groupBy">{nameOf(by)}</span>
        )}
        {value}
      </span>
      <span className="jp-mlops-count" title={trans._n('%1 run', '%1 runs', group.count)}>
        {group.count.toLocaleString()}
      </span>
    </>
  );
}
