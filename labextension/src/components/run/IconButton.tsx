import type { LabIcon } from '@jupyterlab/ui-components';
import * as React from 'react';

/** A button that is only a picture; its label is read aloud and shown when pointed at. */
export function IconButton(props: {
  icon: LabIcon;
  label: string;
  onClick: (event: React.MouseEvent<HTMLButtonElement>) => void;
  pressed?: boolean;
  disabled?: boolean;
  /** It opens a menu. */
  menu?: boolean;
  className?: string;
}): React.JSX.Element {
  const { icon: Icon } = props;
  return (
    <button
      type="button"
      className={`jp-mlops-iconButton ${props.className ?? ''}`}
      title={props.label}
      aria-label={props.label}
      aria-pressed={props.pressed}
      aria-haspopup={props.menu ? 'menu' : undefined}
      disabled={props.disabled}
      onClick={props.onClick}
    >
      <Icon.react tag="span" width="16px" height="16px" />
    </button>
  );
}
