import { code, expect, parameters, test } from './support';

/** From the job to its run, in MLflow's own pages, behind Jupyter's login. */
test('a job is found in MLflow', async ({ page, lab, mlops }) => {
  test.slow(); // MLflow is loaded when it is first needed
  const path = await mlops.notebook('train.ipynb', [
    parameters('lr = 0.25'),
    code('import mlflow\nmlflow.log_metric("accuracy", 0.875)')
  ]);
  const { id } = await mlops.submit(path);
  const job = await mlops.reaches(id, 'succeeded');
  await expect
    .poll(async () => (await mlops.job(id)).metrics, { timeout: 60_000 })
    .toEqual({ accuracy: 0.875 });
  await page.theme.setDarkTheme();
  await lab.openJob(job.id);
  await lab.document.getByRole('button', { name: 'Open in MLflow' }).click();

  const frame = page.locator('iframe:visible');
  await expect(frame).toHaveAttribute('src', /\/mlops\/mlflow\//);
  const pages = page.frameLocator('iframe:visible');
  await expect(pages.getByText('accuracy').first()).toBeVisible({ timeout: 120_000 });
  // It looks like what is around it, and nothing covers it.
  await expect(pages.locator('body')).toHaveClass(/dark-mode/);
  await expect(pages.getByText('Welcome to MLflow Assistant')).toHaveCount(0);
  await expect(pages.getByText('0.875').first()).toBeVisible();
  await expect(pages.getByText('0.25', { exact: true }).first()).toBeVisible();
});
