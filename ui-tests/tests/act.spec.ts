import { code, expect, gate, parameters, test } from './support';

/** Cancelling, from the document of the job. */
test('a running job is cancelled', async ({ lab, mlops }) => {
  const path = await mlops.notebook('slow.ipynb', [
    code('print("begun")'),
    code(gate('never'))
  ]);
  const job = await mlops.submit(path);
  await lab.openJob(job.id);
  await expect(lab.state).toHaveText('Running');
  await expect(lab.document.getByText('begun', { exact: true })).toBeVisible();
  await lab.document.getByRole('button', { name: 'Cancel', exact: true }).click();
  await expect(lab.state).toHaveText('Cancelled');
  await expect(lab.toast('slow was cancelled')).toBeVisible();
  // What it printed until then is still there.
  await expect(lab.document.getByText('begun', { exact: true })).toBeVisible();
  await expect(
    lab.document.getByRole('button', { name: 'Rerun', exact: true })
  ).toBeEnabled();
});

/** Another value, the same snapshot. */
test('a job runs again with another parameter', async ({ lab, mlops }) => {
  const path = await mlops.notebook('sum.ipynb', [
    parameters('x = 1  # a number\nword = "a"'),
    code('print(word * x)')
  ]);
  const first = await mlops.submit(path, { parameters: { x: 2 } });
  await mlops.reaches(first.id, 'succeeded');
  await lab.openJob(first.id);
  await lab.document.getByRole('button', { name: 'Rerun with changes…' }).click();
  await expect(lab.form.getByLabel('x', { exact: true })).toHaveValue('2');
  await lab.form.getByLabel('x', { exact: true }).fill('3');
  await lab.form.getByRole('button', { name: 'Rerun', exact: true }).click();
  await expect(lab.form).toHaveCount(0);
  await expect(lab.document.getByText('aaa', { exact: true })).toBeVisible();
  await expect(lab.state).toHaveText('Succeeded');
  await lab.document.getByRole('tab', { name: 'Parameters' }).click();
  await expect(lab.document.getByRole('row', { name: 'x 3' })).toBeVisible();

  const again = await mlops.newest('sum');
  expect(again.rerun_of).toBe(first.id);
  expect(again.notebook_hash).toBe(first.notebook_hash);
});

/** Why it failed stands everywhere where one would look. */
test('a failing notebook says why', async ({ lab, mlops }) => {
  const path = await mlops.notebook('bad.ipynb', [
    code('print("before")'),
    code('rates = {}\nrates["tokyo"]'),
    code('print("never")')
  ]);
  const job = await mlops.submit(path);
  await lab.showPanel();
  await lab.openJob(job.id);
  await expect(lab.state).toHaveText('Failed');
  await expect(lab.document.getByRole('alert')).toContainText("KeyError: 'tokyo'");
  const failed = lab.document.locator('[data-mlops-status="failed"]');
  await expect(failed).toContainText('KeyError');
  await expect(failed).toContainText('rates["tokyo"]');
  await expect(lab.row('bad')).toContainText('KeyError');
  await expect(lab.row('bad').getByRole('img', { name: 'Failed' })).toBeVisible();
  await expect(lab.toast('bad failed')).toContainText("KeyError: 'tokyo'");
  await lab.document.getByRole('tab', { name: 'Details' }).click();
  await expect(lab.document.getByRole('table').nth(1)).toContainText('KeyError');
});

/** The log grows while the job runs, and a huge one stays quick to look at. */
test('the log is live, and of a large one the end is shown', async ({ lab, mlops }) => {
  const path = await mlops.notebook('log.ipynb', [
    code(`print("first line", flush=True)\n${gate('go')}`),
    code('for i in range(60_000):\n    print(f"line {i} of sixty thousand")')
  ]);
  const job = await mlops.submit(path);
  await lab.openJob(job.id);
  await lab.document.getByRole('tab', { name: 'Log' }).click();
  const log = lab.document.getByRole('log');
  await expect(log).toContainText('first line');
  await mlops.open('go');
  await expect(lab.state).toHaveText('Succeeded');
  await expect(log).toContainText('line 59999 of sixty thousand');
  await expect(log).not.toContainText('first line');
  await expect(lab.document.getByText('Older lines are left out here')).toBeVisible();
  expect((await log.textContent())?.length).toBeLessThanOrEqual(500_000);
});
