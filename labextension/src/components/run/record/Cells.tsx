import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { IFacts } from '../../../model/facts';
import { Later } from '../Later';

const LISTED_MOST = 1000;

/** The notebook's cells: in which order they ran, and which were edited afterwards. */
export function Cells(props: {
  facts: IFacts;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { facts, trans } = props;
  const edited = facts.cells.filter(cell => cell.edited);
  const disordered = facts.cells.filter(cell => cell.outOfOrder);
  const warned = edited.length + disordered.length > 0;
  return (
    <section>
      <h3>{trans.__('Notebook')}</h3>
      <p>
        <code>{facts.notebook || '—'}</code>
      </p>
      {facts.cells.length > 0 && (
        <>
          <p>
            {!warned
              ? trans.__('The cells ran in their order, and none was edited after it ran.')
              : [
                  edited.length &&
                    trans._n(
                      '%1 cell was edited after it ran.',
                      '%1 cells were edited after they ran.',
                      edited.length
                    ),
                  disordered.length &&
                    trans._n(
                      '%1 cell ran before one above it.',
                      '%1 cells ran before one above them.',
                      disordered.length
                    )
                ]
                  .filter(Boolean)
                  .join(' ')}
          </p>
          <Later
            summary={trans._n('%1 code cell', '%1 code cells', facts.cells.length)}
            open={warned}
          >
            {() => (
              <ol className="jp-mlops-cells">
                {facts.cells.slice(0, LISTED_MOST).map(cell => (
                  <li
                    key={cell.index}
                    value={cell.index + 1}
                    data-warned={cell.edited || cell.outOfOrder ? true : undefined}
                    title={cell.hash}
                  >
                    <span>
                      {cell.count === null
                        ? trans.__('not run')
                        : trans.__('ran as [%1]', cell.count)}
                    </span>
                    {cell.runs > 1 && <span>{trans.__('%1 times', cell.runs)}</span>}
                    {cell.edited && <b>{trans.__('edited after it ran')}</b>}
                    {cell.outOfOrder && <b>{trans.__('out of order')}</b>}
                  </li>
                ))}
              </ol>
            )}
          </Later>
        </>
      )}
      {facts.elsewhere > 0 && (
        <p className="jp-mlops-quiet">
          {trans._n(
            '%1 execution of a cell that the notebook has no more.',
            '%1 executions of cells that the notebook has no more.',
            facts.elsewhere
          )}
        </p>
      )}
    </section>
  );
}
