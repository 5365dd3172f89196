import type { Job } from '../api/types';

/** What became of a job, and as of which version of the store. */
interface INews {
  version: number;
  /** Null: deleted. */
  job: Job | null;
}

/**
 * What is heard of jobs while a list is under way: it may be newer than the list, which was read
 * from the store before it came.
 */
export class JobNews {
  /** A list has been asked for. Each has to be told of once more, by `end`. */
  begin(): void {
    this._lists++;
  }

  end(): void {
    this._lists--;
    if (!this._lists) {
      this._news.clear();
    }
  }

  changed(job: Job): void {
    this._tell(job.id, { version: job.version, job });
  }

  deleted(id: string, version: number): void {
    this._tell(id, { version, job: null });
  }

  /** What is newer than a list of that version: jobs by their ids, null where deleted. */
  since(version: number): ReadonlyMap<string, Job | null> {
    return new Map(
      [...this._news]
        .filter(([, news]) => news.version > version)
        .map(([id, { job }]) => [id, job])
    );
  }

  private _tell(id: string, news: INews): void {
    if (this._lists && news.version >= (this._news.get(id)?.version ?? 0)) {
      this._news.set(id, news);
    }
  }

  private _lists = 0;
  private _news = new Map<string, INews>();
}
