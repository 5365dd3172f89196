import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { Axis } from '../../charts/series';

/** How all charts of a comparison are drawn. */
export interface IChartSettings {
  readonly axis: Axis;
  readonly scale: 'linear' | 'log';
  /** 0 (none) to below 1 */
  readonly smoothing: number;
}

export const CHART_SETTINGS: IChartSettings = {
  axis: 'step',
  scale: 'linear',
  smoothing: 0
};

export interface IChartControlsProps {
  settings: IChartSettings;
  onChange: (settings: IChartSettings) => void;
  trans: TranslationBundle;
}

/** Smoothing, scale and axis of all charts at once. */
export function ChartControls(props: IChartControlsProps): React.JSX.Element {
  const { settings, onChange, trans } = props;
  return (
    <>
      <label className="jp-mlops-control">
        {trans.__('Smoothing')}
        <input
          type="range"
          min="0"
          max="0.99"
          step="0.01"
          value={settings.smoothing}
          onChange={event =>
            onChange({ ...settings, smoothing: Number(event.target.value) })
          }
        />
        <output>{settings.smoothing.toFixed(2)}</output>
      </label>
      <Choice
        label={trans.__('Horizontal axis')}
        value={settings.axis}
        options={[
          ['step', trans.__('Step')],
          ['relative', trans.__('Since start')],
          ['time', trans.__('Time')]
        ]}
        onChange={axis => onChange({ ...settings, axis })}
      />
      <Choice
        label={trans.__('Vertical scale')}
        value={settings.scale}
        options={[
          ['linear', trans.__('Linear')],
          ['log', trans.__('Log')]
        ]}
        onChange={scale => onChange({ ...settings, scale })}
      />
    </>
  );
}

/** A few options beside each other, one of them chosen. */
export function Choice<T extends string>(props: {
  label: string;
  value: T;
  options: readonly (readonly [T, string])[];
  onChange: (value: T) => void;
}): React.JSX.Element {
  return (
    <div className="jp-mlops-choice" role="group" aria-label={props.label}>
      {props.options.map(([value, text]) => (
        <button
          key={value}
          type="button"
          aria-pressed={value === props.value}
          onClick={() => props.onChange(value)}
        >
          {text}
        </button>
      ))}
    </div>
  );
}
