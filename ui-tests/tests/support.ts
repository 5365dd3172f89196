import type { IJupyterLabPageFixture } from '@jupyterlab/galata';
import { expect, test as base } from '@jupyterlab/galata';
import * as galataUtils from '@jupyterlab/galata/lib/utils';
import type { Locator } from '@playwright/test';

import type { Job, JobList, State } from '../../labextension/src/api/types';

export { expect };
export type { Job, JobList, State };

const PATIENCE_MS = 60_000;

// Galata gives JupyterLab fifteen seconds to start, too few on a busy machine.
const { waitForCondition } = galataUtils;
Object.assign(galataUtils, {
  waitForCondition: (condition: () => boolean | Promise<boolean>, timeout = PATIENCE_MS) =>
    waitForCondition(condition, timeout)
});

type Page = IJupyterLabPageFixture;

interface ICell {
  type: 'code' | 'markdown';
  source: string;
  tags?: string[];
}

interface ISaved {
  cells: { outputs: { data?: Record<string, unknown> }[] }[];
}

export const code = (source: string): ICell => ({ type: 'code', source });
export const markdown = (source: string): ICell => ({ type: 'markdown', source });
export const parameters = (source: string): ICell => ({
  type: 'code',
  source,
  tags: ['parameters']
});

/** A cell that goes on when the test says so, by `open(…)`. */
export const gate = (name: string): string =>
  `import os, time\nwhile not os.path.exists("${name}"):\n    time.sleep(0.05)`;

/** The daemon behind the server under test, and its jobs. */
export class Mlops {
  constructor(
    private readonly _page: Page,
    private readonly _base: string,
    /** A folder of the test's own, below the server's root. */
    readonly folder: string
  ) {}

  /** Put a notebook into the folder; its path. */
  async notebook(name: string, cells: readonly ICell[]): Promise<string> {
    const content = {
      cells: cells.map(({ type, source, tags }, index) => ({
        cell_type: type,
        id: `cell-${index}`,
        metadata: tags ? { tags } : {},
        source,
        ...(type === 'code' ? { execution_count: null, outputs: [] } : {})
      })),
      metadata: {
        kernelspec: { display_name: 'Python 3', language: 'python', name: 'python3' },
        language_info: { name: 'python' }
      },
      nbformat: 4,
      nbformat_minor: 5
    };
    const path = `${this.folder}/${name}`;
    await this._page.contents.uploadContent(JSON.stringify(content), 'text', path);
    return path;
  }

  /** Put a text into the folder. */
  async write(name: string, text: string): Promise<void> {
    await this._page.contents.uploadContent(text, 'text', `${this.folder}/${name}`);
  }

  /** A notebook as it was saved last. */
  async saved(path: string): Promise<ISaved> {
    const url = `${this._base}/api/contents/${path}?content=1`;
    const answer = await this._page.request.get(url);
    expect(answer.ok(), await answer.text()).toBe(true);
    return ((await answer.json()) as { content: ISaved }).content;
  }

  /** Open a gate. */
  async open(name: string): Promise<void> {
    await this._page.contents.uploadContent('', 'text', `${this.folder}/${name}`);
  }

  async submit(notebook: string, spec: object = {}): Promise<Job> {
    return this.post<Job>('jobs', { spec: { notebook, timeout: 120, ...spec } });
  }

  async job(id: string): Promise<Job> {
    return this.get<Job>(`jobs/${id}`);
  }

  /** Wait until a job is somewhere; the job then. */
  async reaches(id: string, ...states: State[]): Promise<Job> {
    await expect
      .poll(async () => (await this.job(id)).state, { timeout: 60_000 })
      .toMatch(new RegExp(`^(${states.join('|')})$`));
    return this.job(id);
  }

  /** The newest job that a page has started. */
  async newest(name: string): Promise<Job> {
    const { jobs } = await this.get<JobList>(`jobs?name=${encodeURIComponent(name)}`);
    return jobs[0];
  }

  async get<T>(path: string): Promise<T> {
    const answer = await this._page.request.get(this._url(path));
    expect(answer.ok(), await answer.text()).toBe(true);
    return (await answer.json()) as T;
  }

  async post<T>(path: string, data: object = {}): Promise<T> {
    const answer = await this._page.request.post(this._url(path), { data });
    expect(answer.ok(), await answer.text()).toBe(true);
    return (await answer.json()) as T;
  }

  async patch<T>(path: string, data: object): Promise<T> {
    const answer = await this._page.request.patch(this._url(path), { data });
    expect(answer.ok(), await answer.text()).toBe(true);
    return (await answer.json()) as T;
  }

  async delete(id: string): Promise<void> {
    await this._page.request.delete(this._url(`jobs/${id}`));
  }

  /** Leave nothing for the next test. */
  async clear(): Promise<void> {
    const { jobs } = await this.get<JobList>('jobs?limit=1000');
    for (const job of jobs) {
      if (!['succeeded', 'failed', 'cancelled'].includes(job.state)) {
        // It may have ended since it was listed, which the answer would say with a 409.
        await this._page.request.post(this._url(`jobs/${job.id}/cancel`));
        await this.reaches(job.id, 'succeeded', 'failed', 'cancelled');
      }
      await this.delete(job.id);
    }
  }

  private _url(path: string): string {
    return `${this._base}/mlops/api/v1/${path}`;
  }
}

/** JupyterLab with our parts named as a person would. */
export class Lab {
  constructor(readonly page: Page) {}

  get panel(): Locator {
    return this.page.getByRole('region', { name: 'Jobs', exact: true });
  }

  get list(): Locator {
    return this.panel.locator('.jp-mlops-list');
  }

  /** The document of the job that is in front. */
  get document(): Locator {
    return this.page.locator('.jp-mlops-job:visible');
  }

  /** What a cell of the job in front has put out. */
  output(text: string): Locator {
    return this.document.locator('.jp-OutputArea-output', { hasText: text });
  }

  get state(): Locator {
    return this.document.locator('.jp-mlops-header-state');
  }

  get form(): Locator {
    return this.page.locator('.jp-mlops-formDialog');
  }

  row(name: string | RegExp): Locator {
    return this.panel.getByRole('row').filter({ hasText: name });
  }

  toast(text: string | RegExp): Locator {
    return this.page.getByRole('alert').filter({ hasText: text });
  }

  async showPanel(): Promise<void> {
    await this.command('jupyter-mlops:show-jobs');
    await expect(this.panel).toBeVisible();
  }

  async openJob(id: string): Promise<void> {
    await this.command('jupyter-mlops:open-job', { id });
    await expect(this.document.getByRole('tablist')).toBeVisible();
  }

  /** Open a notebook, whichever panel is in front on the left. */
  async openNotebook(path: string): Promise<void> {
    await this.command('docmanager:open', { path });
    await expect(this.page.locator('.jp-NotebookPanel:visible')).toBeVisible();
    await expect(
      this.page.locator('.jp-NotebookPanel:visible .jp-Cell').first()
    ).toBeVisible();
  }

  /** The form of a notebook; the command behind the toolbar's button, the menu and the palette. */
  async openForm(path: string): Promise<void> {
    await this.command('jupyter-mlops:run-notebook', { path });
    await expect(this.form).toBeVisible();
  }

  /** Not awaited in the page: the form's command ends only when the form does. */
  async command(id: string, args: Record<string, string> = {}): Promise<void> {
    await this.page.evaluate(
      ([command, given]) => {
        void window.jupyterapp.commands.execute(command, given);
      },
      [id, args] as const
    );
  }
}

interface IFixtures {
  mlops: Mlops;
  lab: Lab;
}

/** Each test has no jobs but its own, and fails when a page asks or shouts. */
export const test = base.extend<IFixtures>({
  mlops: async ({ page, baseURL, tmpPath }, use) => {
    const mlops = new Mlops(page, baseURL ?? '', tmpPath);
    await mlops.clear();
    await use(mlops);
    await mlops.clear();
  },
  lab: async ({ page, mlops }, use) => {
    expect(mlops.folder).toBeTruthy();
    const dialogs: string[] = [];
    const errors: string[] = [];
    page.on('dialog', dialog => {
      dialogs.push(dialog.message());
      void dialog.dismiss();
    });
    page.on('pageerror', error => errors.push(String(error)));
    await use(new Lab(page));
    expect(dialogs, 'dialogs of the browser').toEqual([]);
    expect(errors, 'uncaught errors').toEqual([]);
  }
});
