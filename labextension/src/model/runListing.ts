import type { MlopsClient } from '../api/client';
import type { GroupList, IRunQuery, RunList, RunRow } from '../api/runs';
import { getRuns, listGroups, listRuns } from '../api/runs';
import { PAGE } from './runPages';
import type { IWanted, RunSections } from './runSections';

/** Metrics that groups can be told with; the server's own limit. */
const GROUP_METRICS_MOST = 50;

/** What is asked of each run, and whether anybody still waits for it. */
export interface IRequest {
  /** Undefined: all that the runs have. */
  columns: string[] | undefined;
  isWanted: () => boolean;
}

/** The answer to one question about runs, as far as it is here. */
export class RunListing {
  constructor(
    private readonly _client: MlopsClient,
    readonly query: IRunQuery,
    readonly sections: RunSections
  ) {}

  /** Of what was asked first, the groups or a page; null before it has come. */
  get etag(): string | null {
    return this._etag;
  }

  /** Whether a tracking server was asked. */
  get atServer(): boolean {
    return this._atServer;
  }

  /** What its plain words were looked for in; empty where it has none. */
  get wordsIn(): readonly string[] {
    return this._wordsIn;
  }

  /** Ask for the groups; `etag`: only if they are others by now. */
  async askGroups(
    metrics: readonly string[],
    etag: string | null,
    isWanted: () => boolean
  ): Promise<void> {
    const by = this.sections.by ?? '';
    const asked = { ...this.query, by, metrics: metrics.slice(0, GROUP_METRICS_MOST) };
    const answer = await listGroups(this._client, asked, etag);
    if (answer && isWanted()) {
      this.sections.age();
      this.sections.setGroups(answer.value);
      this._take(answer.etag, answer.value);
    }
  }

  /**
   * Ask for the page that a line is on; `etag`: only if it is another by now. Answers with its
   * runs, or null where there is nothing new or nobody waits.
   */
  async askPageOf(
    line: number,
    { columns, isWanted }: IRequest,
    etag: string | null
  ): Promise<readonly RunRow[] | null> {
    const { page, pages, ...place } = this.sections.pageOf(line, PAGE);
    const asked = { ...this.query, ...place, columns, limit: PAGE };
    const answer = await listRuns(this._client, asked, etag);
    // Other columns, or another question, would leave rows with what is no longer asked for.
    if (!answer || !isWanted()) {
      return null;
    }
    this._take(answer.etag, answer.value);
    pages.age();
    pages.put(page, answer.value);
    return answer.value.runs;
  }

  /** Ask for a page that is missing. */
  async askPage(
    { page, pages, value, ...place }: IWanted,
    { columns, isWanted }: IRequest
  ): Promise<void> {
    const { by } = this.sections;
    const list = await getRuns(this._client, {
      ...this.query,
      ...place,
      columns,
      limit: PAGE,
      member: by !== null && value !== undefined ? { by, value } : undefined
    });
    if (isWanted()) {
      pages.put(page, list);
      this.sections.remeasure();
    }
  }

  /** Some of the runs, with all that they have; none are kept. */
  async sample(): Promise<readonly RunRow[]> {
    return (await getRuns(this._client, { ...this.query, limit: PAGE })).runs;
  }

  private _take(etag: string | null, { at_server, words_in }: GroupList | RunList): void {
    this._etag = etag;
    this._atServer = at_server;
    this._wordsIn = words_in;
  }

  private _etag: string | null = null;
  private _atServer = false;
  private _wordsIn: readonly string[] = [];
}
