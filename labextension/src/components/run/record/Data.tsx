import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { artifactText } from '../../../api/artifacts';
import { formatSize } from '../../../model/artifactKinds';
import type { IFacts, IFileFacts } from '../../../model/facts';
import { DATASETS, readFiles } from '../../../model/facts';
import type { RunModel } from '../../../model/run';
import { Later } from '../Later';
import { ValueTable } from '../ValueTable';
import { Fetched } from './Fetched';

const DATASETS_MOST = 16 * 2 ** 20;

/** The files that it read. */
export function Data(props: {
  facts: IFacts;
  model: RunModel;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { facts, model, trans } = props;
  const more = facts.moreFiles > 0 || facts.files.length >= 100;
  return (
    <section>
      <h3>{trans.__('Data that it read')}</h3>
      {!facts.filesKnown ? (
        <p className="jp-mlops-quiet">
          {trans.__('Files that it read were not recorded.')}
        </p>
      ) : (
        <Files files={facts.files} trans={trans} />
      )}
      {more && (
        <Later summary={trans.__('All files')}>
          {() => (
            <Fetched
              read={() => artifactText(model.client, model.id, DATASETS, DATASETS_MOST)}
              trans={trans}
            >
              {text => <Files files={readFiles(text)} trans={trans} />}
            </Fetched>
          )}
        </Later>
      )}
    </section>
  );
}

function Files(props: {
  files: readonly IFileFacts[];
  trans: TranslationBundle;
}): React.JSX.Element {
  const { trans } = props;
  return (
    <ValueTable
      label={trans.__('Data that it read')}
      columns={[trans.__('SHA-256'), trans.__('Size'), trans.__('Version control')]}
      rows={props.files.map(file => ({
        name: file.path,
        values: [
          file.sha256 || file.note,
          file.size === null ? '' : formatSize(file.size),
          file.versioned || '—'
        ]
      }))}
      empty={trans.__('It read no files of the project.')}
      trans={trans}
    />
  );
}
