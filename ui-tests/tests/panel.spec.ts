import type { Job, JobList } from './support';
import { code, expect, gate, test } from './support';

/** Filters, groups, many at once, and a change of mind. */
test('jobs are filtered, grouped, selected and deleted, with undo', async ({
  page,
  lab,
  mlops
}) => {
  const apple = await mlops.notebook('apple.ipynb', [code('1')]);
  const pear = await mlops.notebook('pear.ipynb', [code('1/0')]);
  const jobs: Job[] = [];
  for (const [path, name] of [
    [apple, 'green'],
    [apple, 'red'],
    [pear, 'yellow']
  ]) {
    jobs.push(await mlops.submit(path, { name }));
  }
  await Promise.all(jobs.map(job => mlops.reaches(job.id, 'succeeded', 'failed')));
  await lab.showPanel();
  const jobRows = lab.panel.locator('[data-mlops-job]');
  await expect(jobRows).toHaveCount(3);
  await expect(lab.row('green')).toContainText('just now');

  await lab.panel.getByRole('button', { name: 'Failed: 1 job' }).click();
  await expect(jobRows).toHaveCount(1);
  await expect(lab.row('yellow')).toBeVisible();
  await lab.panel.getByRole('button', { name: 'Failed: 1 job' }).click();
  await expect(jobRows).toHaveCount(3);
  const filter = lab.panel.getByRole('searchbox', { name: 'Filter by name' });
  await filter.fill('re');
  await expect(jobRows).toHaveCount(2);
  await filter.fill('nothing of the kind');
  await expect(lab.panel.getByText('No job matches.')).toBeVisible();
  await lab.panel.getByRole('button', { name: 'Show all jobs' }).click();
  await expect(jobRows).toHaveCount(3);
  await expect(filter).toHaveValue('');

  await lab.panel.getByRole('button', { name: 'Group by notebook' }).click();
  await expect(lab.row('apple.ipynb')).toContainText('2');
  await lab.row('apple.ipynb').click();
  await expect(jobRows).toHaveCount(1);
  await lab.row('apple.ipynb').click();
  await lab.panel.getByRole('button', { name: 'Group by notebook' }).click();

  await lab.row('green').click({ modifiers: ['ControlOrMeta'] });
  await lab.row('yellow').click({ modifiers: ['ControlOrMeta'] });
  await expect(lab.panel.getByText('2 jobs selected')).toBeVisible();
  await lab.panel.getByRole('toolbar').getByRole('button', { name: 'Delete' }).click();
  await expect(jobRows).toHaveCount(1);
  await lab.toast('2 jobs deleted').getByRole('button', { name: 'Undo' }).click();
  await expect(jobRows).toHaveCount(3);
  expect((await mlops.get<JobList>('jobs')).jobs).toHaveLength(3);

  await lab.row('yellow').hover();
  await lab.row('yellow').getByRole('button', { name: 'Delete' }).click();
  await expect(jobRows).toHaveCount(2);
  await expect
    .poll(async () => (await mlops.get<JobList>('jobs')).jobs.map(job => job.name).sort())
    .toEqual(['green', 'red']);
  await expect(page.getByText('1 job deleted')).toHaveCount(0);
});

/** There is no undo for that, so it is asked once. */
test('many running jobs are cancelled after one question', async ({ page, lab, mlops }) => {
  const path = await mlops.notebook('wait.ipynb', [code(gate('never'))]);
  for (const name of ['one', 'two', 'three']) {
    await mlops.submit(path, { name });
  }
  await lab.showPanel();
  await expect(lab.row('one')).toContainText('Running');
  await lab.row('three').click({ modifiers: ['ControlOrMeta'] });
  await lab.row('one').click({ modifiers: ['Shift'] });
  await lab.panel.getByRole('toolbar').getByRole('button', { name: 'Cancel' }).click();
  await page.getByRole('button', { name: 'Cancel jobs' }).click();
  await expect(lab.panel.getByRole('button', { name: 'Cancelled: 3 jobs' })).toBeVisible();
  await expect(lab.panel.getByRole('button', { name: 'Running: 0 jobs' })).toBeVisible();
});

/** With nothing there, the panel says what a job is and how to start one. */
test('an empty panel teaches', async ({ lab, mlops }) => {
  const path = await mlops.notebook('first.ipynb', [code('1')]);
  await lab.showPanel();
  await expect(lab.panel.getByRole('heading', { name: 'No jobs yet' })).toBeVisible();
  await expect(lab.panel.getByText('jupyter mlops run')).toBeVisible();
  await lab.openNotebook(path);
  await lab.showPanel();
  await lab.panel.getByRole('button', { name: 'Run the open notebook as a job…' }).click();
  await lab.form.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(lab.row('first')).toBeVisible();
  await expect(lab.panel.getByRole('heading', { name: 'No jobs yet' })).toHaveCount(0);
});

/** Ten thousand jobs cost as much as those in view. */
test('ten thousand jobs stay quick', async ({ page, lab, mlops }) => {
  const path = await mlops.notebook('many.ipynb', [code('1')]);
  const { id } = await mlops.submit(path);
  const model = await mlops.reaches(id, 'succeeded');
  // What is told of it later would make it one more.
  await mlops.delete(id);
  const { version } = await mlops.get<JobList>('jobs');
  const total = 10_000;
  const all: Job[] = Array.from({ length: total }, (_, index) => ({
    ...model,
    id: (total - index).toString(16).padStart(12, '0'),
    name: `job ${index}`,
    created_at: model.created_at - index
  }));
  await page.route('**/mlops/api/v1/jobs?*', async route => {
    const query = new URL(route.request().url()).searchParams;
    const chosen = query.getAll('state').includes('running') ? [] : all;
    const from = Number(query.get('cursor') ?? 0);
    const to = from + Number(query.get('limit') ?? 100);
    await route.fulfill({
      json: {
        jobs: chosen.slice(from, to),
        next: to < chosen.length ? String(to) : null,
        counts: { succeeded: total },
        version
      } satisfies JobList
    });
  });
  await page.reload();
  await lab.showPanel();
  await expect(lab.panel.getByRole('button', { name: '10000 jobs' })).toBeVisible();
  const rows = lab.panel.locator('[data-mlops-job]');
  await expect(lab.row('job 0')).toBeVisible();
  expect(await rows.count()).toBeLessThanOrEqual(60);
  await lab.list.focus();
  await expect
    .poll(
      async () => {
        await page.keyboard.press('End');
        return lab.list.getAttribute('aria-rowcount');
      },
      { intervals: [10], timeout: 60_000 }
    )
    .toBe('10000');
  await page.keyboard.press('End');
  await expect(lab.row('job 9999')).toBeVisible();
  expect(await rows.count()).toBeLessThanOrEqual(60);
  await page.keyboard.press('Home');
  await expect(lab.row(/^job 0/)).toBeVisible();
});
