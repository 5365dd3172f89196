import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { CellDiff, NotebookDiff } from '../../api/changes';
import { cellRows, counted } from '../../model/changes';
import { Growing } from './Growing';
import { OutputView } from './OutputView';
import { Notes, Section } from './Section';
import type { Layout } from './TextView';
import { TextView } from './TextView';
import { countedText } from './words';

export interface INotebookViewProps {
  diff: NotebookDiff;
  layout: Layout;
  names: readonly [string, string];
  trans: TranslationBundle;
}

/** Cells that differ, in their order; those that don't are counted. */
export function NotebookView(props: INotebookViewProps): React.JSX.Element {
  const { diff, layout, names, trans } = props;
  const rows = React.useMemo(() => cellRows(diff), [diff]);
  const summary = [
    countedText(counted(diff.cells), trans),
    trans._n('%1 cell the same', '%1 cells the same', diff.equal)
  ];
  return (
    <>
      <p className="jp-mlops-changes-summary">{summary.filter(Boolean).join(' · ')}</p>
      {!diff.outputs_compared && (
        <Notes
          notes={[
            trans.__(
              'Outputs are not compared: one of the runs keeps a notebook without any.'
            )
          ]}
        />
      )}
      <Notes notes={diff.notes} />
      {diff.metadata && (
        <Section
          change="changed"
          title={trans.__('Metadata of the notebook')}
          open={false}
          trans={trans}
        >
          <TextView
            diff={diff.metadata}
            layout={layout}
            label={trans.__('Metadata of the notebook')}
            trans={trans}
          />
        </Section>
      )}
      <Growing
        count={rows.length}
        render={index => {
          const row = rows[index];
          return row.type === 'same' ? (
            <div key={index} className="jp-mlops-changes-same">
              {trans._n('%1 unchanged cell', '%1 unchanged cells', row.count)}
            </div>
          ) : (
            <Cell key={index} cell={row.cell} layout={layout} names={names} trans={trans} />
          );
        }}
        trans={trans}
      />
    </>
  );
}

function Cell(props: {
  cell: CellDiff;
  layout: Layout;
  names: readonly [string, string];
  trans: TranslationBundle;
}): React.JSX.Element {
  const { cell, layout, names, trans } = props;
  const number = placesOf(cell);
  const title =
    cell.kind === 'code'
      ? trans.__('Code cell %1', number)
      : cell.kind === 'markdown'
        ? trans.__('Markdown cell %1', number)
        : trans.__('Raw cell %1', number);
  return (
    <Section
      change={cell.change}
      title={title}
      beside={!cell.source && <code>{cell.first_line}</code>}
      trans={trans}
    >
      {cell.source && (
        <TextView diff={cell.source} layout={layout} label={title} trans={trans} />
      )}
      {cell.outputs.map((output, index) => (
        <OutputView
          key={index}
          output={output}
          layout={layout}
          names={names}
          trans={trans}
        />
      ))}
      {cell.metadata && (
        <Section
          change="changed"
          title={trans.__('Metadata')}
          open={!cell.source && cell.outputs.length === 0}
          trans={trans}
        >
          <TextView
            diff={cell.metadata}
            layout={layout}
            label={trans.__('Metadata')}
            trans={trans}
          />
        </Section>
      )}
    </Section>
  );
}

/** Which cell it is in each notebook, from 1; once where it is the same in both. */
function placesOf({ before, after }: CellDiff): string {
  return before !== null && after !== null && before !== after
    ? `${before + 1} → ${after + 1}`
    : String((after ?? before ?? 0) + 1);
}
