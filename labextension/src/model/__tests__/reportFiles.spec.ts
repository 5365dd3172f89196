import type { Contents } from '@jupyterlab/services';
import { ServerConnection } from '@jupyterlab/services';

import type { ReportFile } from '../../api/reports';
import { saveReport } from '../reportFiles';

const REPORT: ReportFile = {
  name: 'report-digits',
  // eslint-disable-next-line jupyter/no-untranslated-string -- a person's own
  title: 'digits',
  notebook: '{"cells": [], "nbformat": 4}',
  html: null,
  left_out: []
};

/** As the server's contents: files by their paths; a rename onto another is refused. */
class Disk {
  readonly files = new Map<string, unknown>();
  /** Paths that can't be written. */
  readonly refused = new Set<string>();

  newUntitled = ({ path, type, ext }: Contents.ICreateOptions) => {
    const name = type === 'notebook' ? 'Untitled.ipynb' : `untitled${ext ?? ''}`;
    const at = path ? `${path}/${name}` : name;
    this.files.set(at, null);
    return Promise.resolve({ path: at });
  };

  save = (path: string, { content }: Partial<Contents.IModel>) => {
    if (this.refused.has(path)) {
      return Promise.reject(refusal(403, 'Permission denied'));
    }
    this.files.set(path, content);
    return Promise.resolve({ path });
  };

  rename = (from: string, to: string) => {
    if (this.files.has(to)) {
      return Promise.reject(refusal(409, 'File already exists'));
    }
    this.files.set(to, this.files.get(from));
    this.files.delete(from);
    return Promise.resolve({ path: to });
  };

  delete = (path: string) => {
    this.files.delete(path);
    return Promise.resolve();
  };

  place = (folder: string, report: Partial<ReportFile> = {}) =>
    saveReport(this as unknown as Contents.IManager, folder, { ...REPORT, ...report });
}

function refusal(status: number, message: string): ServerConnection.ResponseError {
  return new ServerConnection.ResponseError(new Response('', { status }), message);
}

/** A report goes beside the person's files and over none of them. */
describe('saveReport', () => {
  it('saves the notebook where it is wanted', async () => {
    const disk = new Disk();
    expect(await disk.place('weekly')).toEqual({
      notebook: 'weekly/report-digits.ipynb',
      html: null
    });
    expect([...disk.files]).toEqual([
      ['weekly/report-digits.ipynb', { cells: [], nbformat: 4 }]
    ]);
  });

  it('gives notebook and page one name that is free for both', async () => {
    const disk = new Disk();
    disk.files.set('report-digits.ipynb', 'mine');
    disk.files.set('report-digits-2.html', 'mine');
    expect(await disk.place('', { html: '<p>' })).toEqual({
      notebook: 'report-digits-3.ipynb',
      html: 'report-digits-3.html'
    });
    expect(disk.files.get('report-digits.ipynb')).toBe('mine');
    expect(disk.files.get('report-digits-2.html')).toBe('mine');
    expect(disk.files.get('report-digits-3.html')).toBe('<p>');
    expect(disk.files.size).toBe(4);
  });

  it('leaves nothing of what it could not finish', async () => {
    const disk = new Disk();
    disk.refused.add('untitled.html');
    await expect(disk.place('', { html: '<p>' })).rejects.toThrow('Permission denied');
    expect([...disk.files.keys()]).toEqual([]);
  });

  it('keeps to the drive of the folder', async () => {
    const disk = new Disk();
    expect((await disk.place('Shared:team')).notebook).toBe(
      'Shared:team/report-digits.ipynb'
    );
  });
});
