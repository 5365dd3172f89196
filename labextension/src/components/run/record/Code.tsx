import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { artifactText } from '../../../api/artifacts';
import type { IFacts } from '../../../model/facts';
import { DIFF } from '../../../model/facts';
import type { RunModel } from '../../../model/run';
import { CopyButton } from '../Copy';
import { Later } from '../Later';
import { Diff } from './Diff';
import { Fact } from './Fact';
import { Fetched } from './Fetched';
import { Paths } from './Paths';

const DIFF_MOST = 512 * 1024;

/** The working tree that it ran in. */
export function Code(props: {
  facts: IFacts;
  model: RunModel;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { model, trans } = props;
  const { code } = props.facts;
  return (
    <section>
      <h3>{trans.__('Code')}</h3>
      {!code ? (
        <p className="jp-mlops-quiet">{trans.__('Not in a git repository.')}</p>
      ) : (
        <>
          <dl className="jp-mlops-facts">
            {code.commit && (
              <Fact name={trans.__('Commit')}>
                <code>{code.commit}</code>
                <CopyButton
                  text={() => code.commit}
                  label={trans.__('Copy the commit')}
                  trans={trans}
                />
              </Fact>
            )}
            {code.branch && <Fact name={trans.__('Branch')}>{code.branch}</Fact>}
            {code.remote && <Fact name={trans.__('Remote')}>{code.remote}</Fact>}
            <Paths name={trans.__('Changed')} paths={code.changed} trans={trans} />
            <Paths name={trans.__('Untracked')} paths={code.untracked} trans={trans} />
            <Paths name={trans.__('Submodules')} paths={code.submodules} trans={trans} />
            <Paths
              name={trans.__('Changed since submit')}
              paths={code.changedSinceSubmit}
              trans={trans}
            />
          </dl>
          {code.note && <p className="jp-mlops-quiet">{code.note}</p>}
          {code.hasDiff && (
            <Later summary={trans.__('Changes that were not committed')}>
              {() => (
                <Fetched
                  read={() => artifactText(model.client, model.id, DIFF, DIFF_MOST)}
                  trans={trans}
                >
                  {text => (
                    <Diff text={text} cut={text.length >= DIFF_MOST} trans={trans} />
                  )}
                </Fetched>
              )}
            </Later>
          )}
        </>
      )}
    </section>
  );
}
