import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { formatSize } from '../../../model/artifactKinds';
import type { IFacts, MachineFact } from '../../../model/facts';
import { Fact } from './Fact';

/** The machine, the variables that are recorded, and the command line. */
export function Machine(props: {
  facts: IFacts;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { facts, trans } = props;
  return (
    <section>
      <h3>{trans.__('Machine and environment')}</h3>
      <dl className="jp-mlops-facts">
        {facts.machine.map(([name, value], index) => (
          <Fact key={index} name={machineLabel(name, trans)}>
            {name === 'memory' ? formatSize(Number(value)) : value}
          </Fact>
        ))}
        {facts.variables.map(([name, value]) => (
          <Fact key={name} name={name}>
            <code>{value}</code>
          </Fact>
        ))}
        {facts.argv.length > 0 && (
          <Fact name={trans.__('Command line')}>
            <code>{facts.argv.join(' ').slice(0, 2000)}</code>
          </Fact>
        )}
      </dl>
    </section>
  );
}

function machineLabel(name: MachineFact, trans: TranslationBundle): string {
  switch (name) {
    case 'system':
      return trans.__('System');
    case 'cpu':
      return trans.__('Processor');
    case 'cpus':
      return trans.__('Processors');
    case 'memory':
      return trans.__('Memory');
    case 'gpu':
      return trans.__('GPU');
    case 'cuda':
      return trans.__('CUDA');
    case 'driver':
      return trans.__('Driver');
    case 'blas':
      return trans.__('BLAS');
  }
}
