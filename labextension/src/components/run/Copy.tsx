import { Clipboard } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import { checkIcon, copyIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

import { IconButton } from './IconButton';

const TOLD_MS = 1500;

/** Copies a text, and says so where it was pressed. */
export function CopyButton(props: {
  text: () => string;
  label: string;
  trans: TranslationBundle;
  className?: string;
}): React.JSX.Element {
  const [copied, setCopied] = React.useState(false);
  React.useEffect(() => {
    if (copied) {
      const timer = window.setTimeout(() => setCopied(false), TOLD_MS);
      return () => window.clearTimeout(timer);
    }
  }, [copied]);
  return (
    <IconButton
      icon={copied ? checkIcon : copyIcon}
      label={copied ? props.trans.__('Copied') : props.label}
      className={`jp-mlops-copy ${props.className ?? ''}`}
      onClick={event => {
        event.stopPropagation();
        Clipboard.copyToSystem(props.text());
        setCopied(true);
      }}
    />
  );
}
