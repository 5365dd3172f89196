import type { IJupyterLabPageFixture } from '@jupyterlab/galata';

import { code, expect, gate, Lab, test } from './support';

/** What happened while the network was gone is there when it comes back. */
test('the view is in sync again after the network was gone', async ({
  page,
  context,
  lab,
  mlops
}) => {
  const quick = await mlops.notebook('quick.ipynb', [code('1')]);
  const waiting = await mlops.notebook('waiting.ipynb', [
    code(`print("before", flush=True)\n${gate('go')}\nprint("after")`)
  ]);
  const old = await mlops.submit(quick, { name: 'old' });
  await mlops.reaches(old.id, 'succeeded');
  const job = await mlops.submit(waiting);
  await lab.showPanel();
  await lab.openJob(job.id);
  await expect(lab.output('before')).toBeVisible();

  await context.setOffline(true);
  await expect(lab.panel.getByText('Not connected. Trying again…')).toBeVisible();
  await mlops.open('go');
  await mlops.reaches(job.id, 'succeeded');
  await mlops.delete(old.id);
  await mlops.submit(quick, { name: 'new' });
  await expect(lab.state).toHaveText('Running');

  await context.setOffline(false);
  await expect(lab.panel.getByText('Not connected. Trying again…')).toHaveCount(0);
  await expect(lab.state).toHaveText('Succeeded');
  await expect(lab.output('after')).toBeVisible();
  await expect(lab.row('new')).toBeVisible();
  await expect(lab.row('old')).toHaveCount(0);
  await expect(
    page.getByRole('alert').filter({ hasText: 'waiting succeeded' })
  ).toBeVisible();
});

/** A daemon that dies takes no job with it, and no view. */
test('the view goes on when the daemon is killed while a job runs', async ({
  lab,
  mlops
}) => {
  const path = await mlops.notebook('tough.ipynb', [
    code('print("before", flush=True)'),
    code(gate('go')),
    code('print("after")')
  ]);
  const job = await mlops.submit(path);
  await lab.showPanel();
  await lab.openJob(job.id);
  await expect(lab.document.locator('[data-mlops-status="running"]')).toContainText(
    'exists'
  );
  const before = await mlops.get<{ pid: number }>('status');
  process.kill(before.pid, 'SIGKILL');
  await expect
    .poll(async () => (await mlops.get<{ pid: number }>('status')).pid)
    .not.toBe(before.pid);
  await mlops.open('go');
  await expect(lab.state).toHaveText('Succeeded');
  await expect(lab.document.getByText('after', { exact: true })).toBeVisible();
  await expect(lab.row('tough').getByRole('img', { name: 'Succeeded' })).toBeVisible();
});

/** Both windows of one person tell the same. */
test('two tabs show the same', async ({ context, baseURL, lab, mlops }) => {
  const path = await mlops.notebook('both.ipynb', [code(gate('go'))]);
  const second = await context.newPage();
  await second.goto(`${baseURL ?? ''}/lab/workspaces/second`);
  const other = new Lab(second as unknown as IJupyterLabPageFixture);
  await second.locator('#jp-main-dock-panel').waitFor();
  await expect
    .poll(() =>
      second.evaluate(() =>
        window.jupyterapp?.commands.hasCommand('jupyter-mlops:show-jobs')
      )
    )
    .toBe(true);
  await lab.showPanel();
  await other.showPanel();
  const job = await mlops.submit(path);
  await expect(lab.row('both')).toContainText('Running');
  await expect(other.row('both')).toContainText('Running');
  await other.row('both').hover();
  await other.row('both').getByRole('button', { name: 'Cancel' }).click();
  await expect(lab.row('both').getByRole('img', { name: 'Cancelled' })).toBeVisible();
  await mlops.delete(job.id);
  await expect(lab.row('both')).toHaveCount(0);
  await expect(other.row('both')).toHaveCount(0);
  await second.close();
});
