import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { useAnswer } from '../../answer';
import { ErrorNotice } from '../../ErrorNotice';

/** What is fetched when it is looked at. */
export function Fetched(props: {
  read: () => Promise<string>;
  children: (text: string) => React.ReactNode;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { value: text, error, retry } = useAnswer(props.read, []);
  if (error) {
    return <ErrorNotice error={error} onRetry={retry} trans={props.trans} />;
  }
  return text === undefined ? (
    <p className="jp-mlops-quiet" role="status">
      {props.trans.__('Loading…')}
    </p>
  ) : (
    <>{props.children(text)}</>
  );
}
