import * as React from 'react';

export interface IDropdownProps {
  /** What stands on the button. */
  button: React.ReactNode;
  /** What it opens, for who can't see it. */
  label: string;
  /** At which edge of the button it opens. */
  side: 'left' | 'right';
  disabled?: boolean;
  title?: string;
  children: () => React.ReactNode;
}

/**
 * A button and what it opens below itself; a click elsewhere closes that, and so does Escape, which
 * leads the keyboard back to the button.
 */
export function Dropdown(props: IDropdownProps): React.JSX.Element {
  const [open, setOpen] = React.useState(false);
  const host = React.useRef<HTMLDivElement>(null);
  const button = React.useRef<HTMLButtonElement>(null);
  React.useEffect(() => {
    if (!open) {
      return;
    }
    const close = (event: PointerEvent) => {
      if (!host.current?.contains(event.target as Node)) {
        setOpen(false);
      }
    };
    document.addEventListener('pointerdown', close, true);
    return () => document.removeEventListener('pointerdown', close, true);
  }, [open]);
  return (
    <div
      ref={host}
      className="jp-mlops-dropdown"
      onKeyDown={event => {
        if (event.key === 'Escape' && open) {
          event.stopPropagation();
          setOpen(false);
          button.current?.focus();
        }
      }}
    >
      <button
        ref={button}
        type="button"
        className="jp-mlops-button jp-mlops-labelled"
        aria-expanded={open}
        aria-haspopup="dialog"
        disabled={props.disabled}
        title={props.title}
        onClick={() => setOpen(!open)}
      >
        {props.button}
      </button>
      {open && (
        <div
          className={
            'jp-mlops-dropdown-open' + (props.side === 'left' ? ' jp-mod-left' : '')
          }
          role="dialog"
          aria-label={props.label}
        >
          {props.children()}
        </div>
      )}
    </div>
  );
}
