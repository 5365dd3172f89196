import type { TranslationBundle } from '@jupyterlab/translation';
import * as React from 'react';

import type { Dataset, ModelLink, RunDetail, RunLink } from '../../api/types';
import type { RunModel } from '../../model/run';
import { RunStatusIcon } from '../RunStatus';

interface IProps {
  model: RunModel;
  detail: RunDetail;
  onRun: (id: string) => void;
  /** Absent: the job isn't there any more. */
  onJob?: (id: string) => void;
  trans: TranslationBundle;
}

/** What the run came from, and what came out of it. */
export function Lineage(props: IProps): React.JSX.Element {
  const { detail, model, trans } = props;
  const { run } = detail;
  const { lineage } = model;
  if (!lineage) {
    return (
      <div className="jp-mlops-empty" role="status">
        {trans.__('Loading…')}
      </div>
    );
  }
  const notebook = run.own_tags['mlops.notebook'] ?? run.own_tags['mlflow.source.name'];
  const commit = run.own_tags['mlflow.source.git.commit'];
  const more = detail.children.length - lineage.children.length;
  const from = [
    notebook && (
      <Kin key="notebook" kind={trans.__('Notebook')}>
        <span className="jp-mlops-lineage-path">{notebook}</span>
        {commit && <code>{commit.slice(0, 12)}</code>}
      </Kin>
    ),
    run.job_id && (
      <Kin key="job" kind={trans.__('Job')}>
        {props.onJob ? (
          <Link onClick={() => props.onJob?.(run.job_id ?? '')}>{run.job_id}</Link>
        ) : (
          <span title={trans.__('The job has been deleted.')}>{run.job_id}</span>
        )}
      </Kin>
    ),
    lineage.repeats_job && (
      <Kin key="repeats" kind={trans.__('Rerun of')}>
        {lineage.repeats ? (
          <Run link={lineage.repeats} {...props} />
        ) : (
          <span>{trans.__('job %1', lineage.repeats_job)}</span>
        )}
      </Kin>
    ),
    lineage.parent && (
      <Kin key="parent" kind={trans.__('Parent run')}>
        <Run link={lineage.parent} {...props} />
      </Kin>
    ),
    detail.datasets.length > 0 && (
      <Kin key="datasets" kind={trans.__('Datasets')} count={detail.datasets.length}>
        {detail.datasets.slice(0, SHOWN_MOST).map(one => (
          <Data key={`${one.name} ${one.digest}`} dataset={one} trans={trans} />
        ))}
      </Kin>
    ),
    lineage.models_used.length > 0 && (
      <Kin key="models" kind={trans.__('Models used')} count={lineage.models_used.length}>
        {lineage.models_used.map(one => (
          <Model key={one.model_id ?? one.name} model={one} trans={trans} />
        ))}
      </Kin>
    )
  ].filter(Boolean);
  const to = [
    lineage.models.length > 0 && (
      <Kin key="models" kind={trans.__('Models')} count={lineage.models.length}>
        {lineage.models.map(one => (
          <Model
            key={`${one.name} ${one.version ?? one.model_id}`}
            model={one}
            trans={trans}
          />
        ))}
      </Kin>
    ),
    lineage.children.length > 0 && (
      <Kin key="children" kind={trans.__('Child runs')} count={detail.children.length}>
        {lineage.children.map(link => (
          <Run key={link.id} link={link} {...props} />
        ))}
        {more > 0 && (
          <span className="jp-mlops-quiet">
            {trans._n('and %1 more', 'and %1 more', more)}
          </span>
        )}
      </Kin>
    ),
    lineage.repeated_by.length > 0 && (
      <Kin key="repeated" kind={trans.__('Rerun as')} count={lineage.repeated_by.length}>
        {lineage.repeated_by.map(link => (
          <Run key={link.id} link={link} {...props} />
        ))}
      </Kin>
    )
  ].filter(Boolean);
  return (
    <div className="jp-mlops-lineage">
      <section aria-label={trans.__('Came from')}>
        <h3>{trans.__('Came from')}</h3>
        {from.length ? (
          from
        ) : (
          <p className="jp-mlops-quiet">{trans.__('Nothing is known.')}</p>
        )}
      </section>
      <section className="jp-mlops-lineage-self" aria-label={trans.__('This run')}>
        <h3>{trans.__('This run')}</h3>
        <div className="jp-mlops-kin jp-mod-self">
          <span className="jp-mlops-labelled">
            <RunStatusIcon status={run.status} trans={trans} />
            {run.name || trans.__('Unnamed run')}
          </span>
          <code>{run.id.slice(0, 12)}</code>
        </div>
      </section>
      <section aria-label={trans.__('Came out of it')}>
        <h3>{trans.__('Came out of it')}</h3>
        {to.length ? (
          to
        ) : (
          <p className="jp-mlops-quiet">{trans.__('No model, child run or rerun yet.')}</p>
        )}
      </section>
    </div>
  );
}

/** Datasets that are named; the rest is in the record. */
const SHOWN_MOST = 50;

function Kin(props: {
  kind: string;
  count?: number;
  children: React.ReactNode;
}): React.JSX.Element {
  return (
    <div className="jp-mlops-kin">
      <h4>
        {props.kind}
        {(props.count ?? 0) > 1 && <span className="jp-mlops-count">{props.count}</span>}
      </h4>
      {props.children}
    </div>
  );
}

function Run(props: {
  link: RunLink;
  onRun: (id: string) => void;
  trans: TranslationBundle;
}): React.JSX.Element {
  const { link, trans } = props;
  return (
    <span className="jp-mlops-labelled">
      <RunStatusIcon status={link.status} trans={trans} />
      <Link onClick={() => props.onRun(link.id)}>{link.name || link.id}</Link>
    </span>
  );
}

function Data(props: { dataset: Dataset; trans: TranslationBundle }): React.JSX.Element {
  const { dataset, trans } = props;
  const others = dataset.other_runs ?? 0;
  return (
    <span title={`${dataset.name}\n${dataset.digest}\n${dataset.source.slice(0, 500)}`}>
      <span className="jp-mlops-lineage-path">{dataset.name}</span>
      <code>{dataset.digest.slice(0, 12)}</code>
      {others > 0 && (
        <span className="jp-mlops-quiet">
          {trans._n('also used by %1 other run', 'also used by %1 other runs', others)}
        </span>
      )}
    </span>
  );
}

function Model(props: { model: ModelLink; trans: TranslationBundle }): React.JSX.Element {
  const { model, trans } = props;
  return (
    <span>
      <span className="jp-mlops-lineage-path">{model.name}</span>
      {model.version === null ? (
        <code>{model.model_id}</code>
      ) : (
        <span>{trans.__('version %1', model.version)}</span>
      )}
      {model.aliases.map(alias => (
        <span key={alias} className="jp-mlops-badge" data-kind="plain">
          @{alias}
        </span>
      ))}
    </span>
  );
}

function Link(props: {
  onClick: () => void;
  children: React.ReactNode;
}): React.JSX.Element {
  return (
    <button type="button" className="jp-mlops-link" onClick={props.onClick}>
      {props.children}
    </button>
  );
}
