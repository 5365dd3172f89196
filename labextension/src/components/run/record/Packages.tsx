import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { artifactText } from '../../../api/artifacts';
import type { IFacts } from '../../../model/facts';
import { readRequirements, REQUIREMENTS } from '../../../model/facts';
import type { RunModel } from '../../../model/run';
import { Later } from '../Later';
import { ValueTable } from '../ValueTable';
import { Fetched } from './Fetched';
import { Paths } from './Paths';

const REQUIREMENTS_MOST = 16 * 2 ** 20;

/** The Python and the packages that it ran with. */
export function Packages(props: {
  facts: IFacts;
  model: RunModel;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { facts, model, trans } = props;
  return (
    <section>
      <h3>{trans.__('Packages')}</h3>
      <p>{facts.python || '—'}</p>
      <Paths
        name={trans.__('From a path of this machine')}
        paths={facts.localPackages}
        trans={trans}
        list
      />
      {facts.packages !== null && (
        <Later summary={trans._n('%1 package', '%1 packages', facts.packages)}>
          {() => (
            <Fetched
              read={() =>
                artifactText(model.client, model.id, REQUIREMENTS, REQUIREMENTS_MOST)
              }
              trans={trans}
            >
              {text => (
                <ValueTable
                  label={trans.__('Packages')}
                  columns={[trans.__('Version')]}
                  rows={readRequirements(text).map(([name, version]) => ({
                    name,
                    values: [version]
                  }))}
                  empty={trans.__('None.')}
                  trans={trans}
                />
              )}
            </Fetched>
          )}
        </Later>
      )}
    </section>
  );
}
