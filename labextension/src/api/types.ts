/**
 * Names for the schemas of the daemon's OpenAPI document; the shapes are generated, never written.
 */
import type { components } from './schema';

type Schemas = components['schemas'];

export type Job = Schemas['Job'];
export type JobList = Schemas['JobList'];
export type JobSpec = Schemas['JobSpec-Output'];
export type State = Schemas['State'];
export type Attempt = Schemas['Attempt'];
export type Failure = Schemas['Failure'];
export type NotebookInfo = Schemas['NotebookInfo'];
export type ParameterInfo = Schemas['ParameterInfo'];
export type Kernel = Schemas['Kernel'];
export type Submission = Schemas['Submission'];
export type SpecChanges = Schemas['SpecChanges'];
export type RunDetail = Schemas['RunDetail'];
export type RunRow = Schemas['RunRow'];
export type RunStatus = Schemas['RunStatus'];
export type RunChanges = Schemas['RunChanges'];
export type RunLink = Schemas['RunLink'];
export type RunNotebook = Schemas['RunNotebook'];
export type ModelLink = Schemas['ModelLink'];
export type Lineage = Schemas['Lineage'];
export type Dataset = Schemas['Dataset'];
export type MetricSummary = Schemas['MetricSummary'];
export type MetricValue = MetricSummary['last'];
export type Series = Schemas['Series'];
export type SeriesList = Schemas['SeriesList'];
export type Artifact = Schemas['Artifact'];
export type ArtifactList = Schemas['ArtifactList'];

/** One place that can't be used, beside its field: `where` is a dotted path. */
export interface IProblem {
  where: string;
  message: string;
  /** `note_changed`: the note as it is now. */
  note?: string;
  note_version?: string;
}

/** `application/problem+json` as the daemon and the forwarder write it. */
export interface IProblemDocument {
  code: string;
  detail: string;
  hint?: string;
  problems?: IProblem[];
}

/** A line of `GET /events`. */
export interface IStoreEvent {
  seq?: number;
  type?: 'hello' | 'job' | 'job_deleted';
  job?: Job;
  job_id?: string;
}

/** A line of `GET /jobs/{id}/events`; see ARCHITECTURE.md for the types. */
export interface IAttemptEvent {
  seq?: number;
  t?: number;
  type?:
    | 'prepared'
    | 'cell_started'
    | 'stream'
    | 'output'
    | 'clear_output'
    | 'update_display'
    | 'cell_finished'
    | 'note'
    | 'saved'
    | 'released'
    | 'finished'
    | 'attempt'
    | 'job';
  [key: string]: unknown;
}

/** Whether nothing comes after this state. */
export function isTerminal(state: State): boolean {
  return state === 'succeeded' || state === 'failed' || state === 'cancelled';
}

/** Whether a run has ended. */
export function hasEnded(status: RunStatus): boolean {
  return status === 'FINISHED' || status === 'FAILED' || status === 'KILLED';
}

/** How long an ended job took (its last attempt); null while it goes on or when it never started. */
export function tookSeconds(job: Job): number | null {
  if (!isTerminal(job.state) || !job.started_at) {
    return null;
  }
  return job.duration ?? (job.ended_at ? job.ended_at - job.started_at : null);
}
