import { PathExt } from '@jupyterlab/coreutils';
import type { Contents } from '@jupyterlab/services';
import { ServerConnection } from '@jupyterlab/services';

import type { ReportFile } from '../api/reports';

/** A file of this name is there. */
const CONFLICT = 409;
/** Names that are tried: `report`, `report-2`, … */
const TRIES = 1000;

export interface ISavedReport {
  /** Path of the notebook. */
  readonly notebook: string;
  /** Path of the page; null where none was asked for. */
  readonly html: string | null;
}

/**
 * Save a report in a folder, notebook and page under one name that neither has had so far.
 *
 * Each is written as a new, untitled file and then renamed, which the server refuses where a file
 * of that name is: so nothing is written over, whoever else saves at the same time. What can't be
 * finished is taken away again.
 *
 * @throws what the contents manager throws.
 */
export async function saveReport(
  contents: Contents.IManager,
  folder: string,
  report: ReportFile
): Promise<ISavedReport> {
  const made: { path: string; extension: string }[] = [];
  const write = async (
    options: Contents.ICreateOptions,
    extension: string,
    model: Partial<Contents.IModel>
  ) => {
    const { path } = await contents.newUntitled({ ...options, path: folder });
    made.push({ path, extension });
    await contents.save(path, model);
  };
  try {
    await write({ type: 'notebook' }, '.ipynb', {
      type: 'notebook',
      format: 'json',
      content: JSON.parse(report.notebook) as object
    });
    if (report.html !== null) {
      await write({ type: 'file', ext: '.html' }, '.html', {
        type: 'file',
        format: 'text',
        content: report.html
      });
    }
    await nameAll(contents, folder, made, report.name);
  } catch (error) {
    // What was refused is told; that a leftover stays as well would only hide it.
    await Promise.allSettled(made.map(({ path }) => contents.delete(path)));
    throw error;
  }
  return { notebook: made[0].path, html: made.length > 1 ? made[1].path : null };
}

async function nameAll(
  contents: Contents.IManager,
  folder: string,
  files: { path: string; extension: string }[],
  name: string
): Promise<void> {
  for (let number = 1; ; number++) {
    const stem = number === 1 ? name : `${name}-${number}`;
    try {
      for (const file of files) {
        const wanted = PathExt.join(folder, stem + file.extension);
        file.path = (await contents.rename(file.path, wanted)).path;
      }
      return;
    } catch (error) {
      if (!isTaken(error) || number === TRIES) {
        throw error;
      }
    }
  }
}

function isTaken(error: unknown): boolean {
  return (
    error instanceof ServerConnection.ResponseError && error.response.status === CONFLICT
  );
}
