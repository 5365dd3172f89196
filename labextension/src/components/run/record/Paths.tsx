import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import { Fact } from './Fact';

const LISTED_MOST = 50;

/** The first of some paths, and how many more there are; nothing where there are none. */
export function Paths(props: {
  name: string;
  paths: readonly string[];
  /** By itself rather than within a list of facts. */
  list?: boolean;
  trans: TranslationBundle;
}): React.JSX.Element | null {
  const { paths, trans } = props;
  if (!paths.length) {
    return null;
  }
  const named = paths.slice(0, LISTED_MOST).join(', ');
  const more = paths.length - LISTED_MOST;
  const text =
    more > 0 ? `${named} ${trans._n('and %1 more', 'and %1 more', more)}` : named;
  return props.list ? (
    <p>
      {props.name}: {text}
    </p>
  ) : (
    <Fact name={props.name}>{text}</Fact>
  );
}
