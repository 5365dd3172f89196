import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

/** Lines that came and went, told apart by their sign as well as by colour. */
export function Diff(props: {
  text: string;
  /** It is the beginning of more. */
  cut: boolean;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { text, trans } = props;
  return (
    <>
      <pre className="jp-mlops-diff" tabIndex={0}>
        {text.split('\n').map((line, index) => (
          <span key={index} data-kind={kindOf(line)}>
            {line + '\n'}
          </span>
        ))}
      </pre>
      {props.cut && (
        <p className="jp-mlops-quiet">
          {trans.__('The beginning only; all of it is among the artifacts.')}
        </p>
      )}
    </>
  );
}

function kindOf(line: string): string | undefined {
  if (line.startsWith('+') && !line.startsWith('+++')) {
    return 'new';
  }
  if (line.startsWith('-') && !line.startsWith('---')) {
    return 'old';
  }
  return line.startsWith('@@') || line.startsWith('diff ') ? 'place' : undefined;
}
