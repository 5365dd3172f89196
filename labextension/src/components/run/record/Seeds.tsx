import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { IFacts } from '../../../model/facts';
import { Fact } from './Fact';

const LISTED_MOST = 50;

/** Where its random numbers came from. */
export function Seeds(props: {
  facts: IFacts;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { facts, trans } = props;
  return (
    <section>
      <h3>{trans.__('Random numbers')}</h3>
      <dl className="jp-mlops-facts">
        <Fact name={trans.__('Seeds')}>
          {facts.seeds.length
            ? facts.seeds.slice(0, LISTED_MOST).map(seed => <code key={seed}>{seed} </code>)
            : trans.__('none was set')}
        </Fact>
        {facts.unseeded.length > 0 && (
          <Fact name={trans.__('Drawn without a seed')}>
            {[...new Set(facts.unseeded)].slice(0, LISTED_MOST).join(', ')}
          </Fact>
        )}
      </dl>
    </section>
  );
}
