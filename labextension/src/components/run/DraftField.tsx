import * as React from 'react';

/** A line that is being written: Enter takes it, Escape or leaving it does not. */
export const DraftField = React.forwardRef<
  HTMLInputElement,
  {
    label: string;
    placeholder?: string;
    maxLength?: number;
    value: string;
    onChange: (value: string) => void;
    onTake: () => void;
    /** Escape: the keyboard is to be led back. */
    onEscape: () => void;
    onBlur: () => void;
  }
>(function DraftField(props, ref) {
  return (
    <input
      ref={ref}
      className="jp-mlops-filter"
      aria-label={props.label}
      placeholder={props.placeholder}
      maxLength={props.maxLength}
      autoFocus
      value={props.value}
      spellCheck={false}
      onChange={event => props.onChange(event.target.value)}
      onBlur={props.onBlur}
      onKeyDown={event => {
        if (event.key === 'Enter') {
          props.onTake();
        } else if (event.key === 'Escape') {
          props.onEscape();
        }
        event.stopPropagation();
      }}
    />
  );
});
