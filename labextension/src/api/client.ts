import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import type {
  IProblem,
  IProblemDocument,
  Job,
  JobList,
  NotebookInfo,
  SpecChanges,
  State,
  Submission
} from './types';

/** What the server refused, with every place named. */
export class MlopsError extends Error {
  constructor(
    readonly status: number,
    document: IProblemDocument
  ) {
    super(document.detail);
    this.name = 'MlopsError';
    this.code = document.code;
    this.hint = document.hint ?? '';
    this.problems = document.problems ?? [];
  }

  readonly code: string;
  readonly hint: string;
  readonly problems: readonly IProblem[];
}

/** An answer, and the mark to ask again with; null where the server has none. */
export interface IAnswer<T> {
  value: T;
  etag: string | null;
}

const NOT_MODIFIED = 304;

export interface IJobQuery {
  states?: readonly State[];
  name?: string;
  notebook?: string;
  limit?: number;
  cursor?: string;
}

/**
 * The daemon's API through the Jupyter server's forwarder.
 */
export class MlopsClient {
  constructor(readonly serverSettings: ServerConnection.ISettings) {}

  async jobs(query: IJobQuery = {}): Promise<JobList> {
    const search = new URLSearchParams();
    query.states?.forEach(state => search.append('state', state));
    for (const key of ['name', 'notebook', 'cursor'] as const) {
      if (query[key]) {
        search.set(key, query[key]);
      }
    }
    if (query.limit !== undefined) {
      search.set('limit', String(query.limit));
    }
    return this._json<JobList>('GET', `jobs?${search}`);
  }

  async job(id: string): Promise<Job> {
    return this._json<Job>('GET', `jobs/${id}`);
  }

  async submit(submission: Submission, idempotencyKey: string): Promise<Job> {
    return this._json<Job>('POST', 'jobs', submission, {
      'Idempotency-Key': idempotencyKey
    });
  }

  async inspect(notebook: string): Promise<NotebookInfo> {
    return this._json<NotebookInfo>('POST', 'notebooks/inspect', { notebook });
  }

  /** What the form needs to run a job's own snapshot again. */
  async jobNotebookInfo(id: string): Promise<NotebookInfo> {
    return this._json<NotebookInfo>('GET', `jobs/${id}/notebook-info`);
  }

  async cancel(id: string): Promise<Job> {
    return this._json<Job>('POST', `jobs/${id}/cancel`, {});
  }

  async rerun(id: string, changes: Partial<SpecChanges> = {}): Promise<Job> {
    return this._json<Job>('POST', `jobs/${id}/rerun`, changes);
  }

  async delete(id: string): Promise<void> {
    await this._request('DELETE', `jobs/${id}`);
  }

  /** The executed notebook as it was saved last; null before the first save. */
  async notebook(id: string, attempt?: number): Promise<object | null> {
    const search = attempt ? `?attempt=${attempt}` : '';
    try {
      return await this._json<object>('GET', `jobs/${id}/notebook${search}`);
    } catch (error) {
      if (error instanceof MlopsError && error.status === 404) {
        return null;
      }
      throw error;
    }
  }

  /** JSON Schema of the job specification: the form is made from it. */
  async jobSpecSchema(): Promise<object> {
    return this._json<object>('GET', 'job-spec.json');
  }

  /** Where a person's browser finds a path of the API (downloads). */
  url(path: string): string {
    return URLExt.join(this.serverSettings.baseUrl, 'mlops/api/v1', path);
  }

  /** MLflow's own UI, at a run where one is given. */
  mlflowUrl(experimentId?: string | null, runId?: string | null): string {
    const base = URLExt.join(this.serverSettings.baseUrl, 'mlops/mlflow') + '/';
    if (experimentId && runId) {
      const experiment = encodeURIComponent(experimentId);
      // Else MLflow shows a run among evaluations of language models.
      return `${base}#/experiments/${experiment}/runs/${encodeURIComponent(runId)}?workflowType=machine_learning`;
    }
    return base;
  }

  /** What is there now; null when that is still what came with `etag`. */
  async getIfNew<T>(path: string, etag?: string | null): Promise<IAnswer<T> | null> {
    const response = await this._request(
      'GET',
      path,
      undefined,
      etag ? { 'If-None-Match': etag } : {}
    );
    return response.status === NOT_MODIFIED
      ? null
      : { value: (await response.json()) as T, etag: response.headers.get('ETag') };
  }

  async get<T>(path: string): Promise<T> {
    return this._json<T>('GET', path);
  }

  /** The answer to a request with a body. */
  async send<T>(
    method: 'POST' | 'PATCH' | 'DELETE',
    path: string,
    body: unknown
  ): Promise<T> {
    return this._json<T>(method, path, body);
  }

  /** An answer that isn't JSON. */
  async bytes(path: string): Promise<ArrayBuffer> {
    return (await this._request('GET', path)).arrayBuffer();
  }

  private async _json<T>(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {}
  ): Promise<T> {
    const response = await this._request(method, path, body, headers);
    return (await response.json()) as T;
  }

  private async _request(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {}
  ): Promise<Response> {
    const init: RequestInit = { method, headers };
    if (body !== undefined) {
      init.body = JSON.stringify(body);
      init.headers = { ...headers, 'Content-Type': 'application/json' };
    }
    let response: Response;
    try {
      response = await ServerConnection.makeRequest(
        this.url(path),
        init,
        this.serverSettings
      );
    } catch (error) {
      throw new MlopsError(0, {
        code: 'server_unreachable',
        detail: 'The Jupyter server does not answer.',
        hint: `Check that it runs, and the network. (${String(error)})`
      });
    }
    if (response.ok || response.status === NOT_MODIFIED) {
      return response;
    }
    throw new MlopsError(response.status, await readProblem(response));
  }
}

async function readProblem(response: Response): Promise<IProblemDocument> {
  const text = await response.text();
  try {
    const document = JSON.parse(text) as Partial<IProblemDocument> & {
      message?: string;
    };
    return {
      code: document.code ?? `http_${response.status}`,
      detail: document.detail ?? document.message ?? response.statusText,
      hint: document.hint,
      problems: document.problems
    };
  } catch {
    return {
      code: `http_${response.status}`,
      detail: response.statusText || `HTTP ${response.status}`
    };
  }
}
