import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { OutputDiff, Shown } from '../../api/changes';
import { frameHeight, pictureUrl, sandboxed } from '../../model/changes';
import type { Layout } from './TextView';
import { TextView } from './TextView';
import { ChangeSign } from './Section';
import { changeLabel } from './words';

export interface IOutputViewProps {
  output: OutputDiff;
  layout: Layout;
  names: readonly [string, string];
  trans: TranslationBundle;
}

/** An output that differs: as text, or both as they look. */
export function OutputView(props: IOutputViewProps): React.JSX.Element {
  const { output, layout, names, trans } = props;
  const looks = output.before !== null || output.after !== null;
  const picture = output.kind.startsWith('image/');
  const [looking, setLooking] = React.useState(picture);
  const label = `${changeLabel(output.change, trans)}: ${output.kind}`;
  return (
    <div className="jp-mlops-output-change">
      <div className="jp-mlops-output-change-head">
        <ChangeSign change={output.change} trans={trans} />
        <span>{trans.__('Output')}</span>
        <code>{output.kind}</code>
        {looks && output.text && (
          <button
            type="button"
            className="jp-mlops-link"
            aria-pressed={looking}
            onClick={() => setLooking(!looking)}
          >
            {looking ? trans.__('Show as text') : trans.__('Show rendered')}
          </button>
        )}
      </div>
      {output.note && <p className="jp-mlops-diff-note">{output.note}</p>}
      {looks && (looking || !output.text) ? (
        <div className="jp-mlops-looks">
          <Look shown={output.before} sign="−" name={names[0]} trans={trans} />
          <Look shown={output.after} sign="+" name={names[1]} trans={trans} />
        </div>
      ) : (
        output.text && (
          <TextView diff={output.text} layout={layout} label={label} trans={trans} />
        )
      )}
    </div>
  );
}

/** One side as it looks. Whoever made it has no rights here: a picture, or a frame without any. */
function Look(props: {
  shown: Shown | null;
  sign: string;
  name: string;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { shown, sign, name, trans } = props;
  const url = shown ? pictureUrl(shown.media_type, shown.data) : null;
  return (
    <figure>
      <figcaption>
        <span aria-hidden="true">{sign}</span> {name}
      </figcaption>
      {!shown ? (
        <p className="jp-mlops-diff-note">{trans.__('Not there')}</p>
      ) : url ? (
        <img src={url} alt={trans.__('Output of %1', name)} />
      ) : shown.media_type === 'text/html' ? (
        <Frame html={shown.data} title={trans.__('Output of %1', name)} />
      ) : (
        <p className="jp-mlops-diff-note">{trans.__('It can’t be shown.')}</p>
      )}
    </figure>
  );
}

function Frame(props: { html: string; title: string }): React.JSX.Element {
  const document_ = React.useMemo(() => {
    const style = getComputedStyle(document.body);
    return sandboxed(props.html, {
      text: style.getPropertyValue('--jp-content-font-color1').trim() || 'inherit',
      ground: style.getPropertyValue('--jp-layout-color0').trim() || 'transparent'
    });
  }, [props.html]);
  return (
    <iframe
      sandbox=""
      srcDoc={document_}
      title={props.title}
      loading="lazy"
      style={{ height: frameHeight(props.html) }}
    />
  );
}
