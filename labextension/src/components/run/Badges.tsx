import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { RunRow } from '../../api/types';

/** Whether it could be reproduced, and whether it was. */
export function Badges(props: {
  run: RunRow;
  onShowRecord: () => void;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { run, trans } = props;
  const could = run.own_tags['mlops.reproducible'];
  const was = run.own_tags['mlops.reproduction'];
  const detail = run.own_tags['mlops.reproduction_detail'] ?? '';
  return (
    <>
      {(could === 'yes' || could === 'no') && !was && (
        <button
          type="button"
          className="jp-mlops-badge"
          data-kind={could === 'yes' ? 'good' : 'plain'}
          title={trans.__('What was recorded, and what an exact reproduction would need')}
          onClick={props.onShowRecord}
        >
          {could === 'yes' ? trans.__('reproducible') : trans.__('not reproducible')}
        </button>
      )}
      {was && (
        <button
          type="button"
          className="jp-mlops-badge"
          data-kind={KINDS[was] ?? 'plain'}
          title={detail.slice(0, 1000)}
          onClick={props.onShowRecord}
        >
          {reproductionLabel(was, trans)}
        </button>
      )}
    </>
  );
}

/** How an outcome looks. */
export const KINDS: Record<string, string | undefined> = {
  reproduced: 'good',
  differs: 'warn',
  cannot: 'bad'
};

/** The outcome of a reproduction, for people. */
export function reproductionLabel(outcome: string, trans: TranslationBundle): string {
  switch (outcome) {
    case 'reproduced':
      return trans.__('reproduced');
    case 'differs':
      return trans.__('differs');
    case 'cannot':
      return trans.__('cannot be reproduced');
    default:
      return outcome.slice(0, 80);
  }
}
