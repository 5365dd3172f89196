import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { CodeDiff, FileDiff } from '../../api/changes';
import { counted } from '../../model/changes';
import { Growing } from './Growing';
import { Notes, Section } from './Section';
import type { Layout } from './TextView';
import { TextView } from './TextView';
import { countedText } from './words';

/** Where each came from, and what differs in each file. */
export function CodeView(props: {
  diff: CodeDiff;
  layout: Layout;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { diff, layout, trans } = props;
  const summary = [
    countedText(counted(diff.files), trans),
    diff.equal > 0 ? trans._n('%1 module the same', '%1 modules the same', diff.equal) : ''
  ];
  return (
    <>
      <p className="jp-mlops-changes-summary">{summary.filter(Boolean).join(' · ')}</p>
      <dl className="jp-mlops-changes-commits">
        {(['before', 'after'] as const).map(side => (
          <React.Fragment key={side}>
            <dt>{side === 'before' ? '−' : '+'}</dt>
            <dd>
              <Commit side={diff[side]} trans={trans} />
            </dd>
          </React.Fragment>
        ))}
      </dl>
      <Notes notes={diff.notes} />
      <Growing
        count={diff.files.length}
        render={index => {
          const file = diff.files[index];
          return <File key={file.path} file={file} layout={layout} trans={trans} />;
        }}
        trans={trans}
      />
    </>
  );
}

function Commit(props: {
  side: CodeDiff['before'];
  trans: TranslationBundle;
}): React.JSX.Element {
  const { side, trans } = props;
  if (!side?.commit) {
    return <>{trans.__('Not in a git repository')}</>;
  }
  return (
    <>
      <code title={side.commit}>{side.commit.slice(0, 12)}</code> {side.branch}
      {side.dirty && <em> {trans.__('with uncommitted changes')}</em>}
      {side.remote && <span className="jp-mlops-changes-remote"> {side.remote}</span>}
    </>
  );
}

function File(props: {
  file: FileDiff;
  layout: Layout;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { file, layout, trans } = props;
  return (
    <Section
      change={file.change}
      title={file.was ? `${file.was} → ${file.path}` : file.path}
      beside={
        <>
          {file.text && (
            <>
              <span className="jp-mlops-changes-count" data-op="+">
                +{file.text.added}
              </span>
              <span className="jp-mlops-changes-count" data-op="-">
                −{file.text.removed}
              </span>
            </>
          )}
          <span>{file.ran ? trans.__('as it ran') : trans.__('in the working tree')}</span>
        </>
      }
      trans={trans}
    >
      {file.note && <p className="jp-mlops-diff-note">{file.note}</p>}
      {file.text && (
        <TextView diff={file.text} layout={layout} label={file.path} trans={trans} />
      )}
    </Section>
  );
}
