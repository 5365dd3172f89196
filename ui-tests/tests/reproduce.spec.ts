import AxeBuilder from '@axe-core/playwright';

import { code, expect, test } from './support';

/** From the button to the badge: every stage is seen, and what came out otherwise. */
test('a run is reproduced on its page', async ({ page, mlops }) => {
  test.slow();
  const path = await mlops.notebook('clock.ipynb', [
    code('import time\nimport jupyter_mlops as mlops'),
    code('mlops.log(same=1, clock=time.time_ns() % 1_000_000_007)\ntime.sleep(4)')
  ]);
  const { id } = await mlops.submit(path, { name: 'clock' });
  await mlops.reaches(id, 'succeeded');
  await expect.poll(async () => (await mlops.job(id)).tracking.run_id).toBeTruthy();
  const run = (await mlops.job(id)).tracking.run_id ?? '';
  const tags = async () =>
    (await mlops.get<{ run: { own_tags: Record<string, string> } }>(`runs/${run}`)).run
      .own_tags;
  await expect.poll(tags, { timeout: 120_000 }).toHaveProperty(['mlops.reproducible']);

  await page.evaluate(given => {
    void window.jupyterapp.commands.execute('mlops:open-run', { run: given });
  }, run);
  const shown = page.locator('.jp-mlops-run:visible');
  const button = shown.getByRole('button', { name: 'Reproduce', exact: true });
  await button.click();
  const stages = shown.getByRole('region', { name: 'Reproduction' });
  await expect(stages.getByRole('listitem')).toHaveText([
    /^Environment/,
    /^Code/,
    /^Data/,
    /^Job/,
    /^Comparison/
  ]);
  await expect(button).toBeDisabled();
  await expect(stages.locator('[aria-current="step"]')).toHaveCount(1);
  const job = stages.getByRole('listitem').filter({ hasText: /^Job/ });
  await expect(job).toContainText(/cell \d of 2/, { timeout: 120_000 });
  await expect(stages.getByRole('button', { name: 'Open Job' })).toBeVisible();

  await expect(stages.getByRole('status')).toHaveText('Reproduction: differs', {
    timeout: 120_000
  });
  await expect(stages.getByRole('list', { name: 'What differs' })).toContainText('clock');
  await expect(shown.locator('.jp-mlops-header-title .jp-mlops-badge')).toHaveText(
    'differs'
  );
  await expect(button).toBeEnabled();
  for (const theme of ['Dark', 'Light']) {
    await page.theme.setTheme(`JupyterLab ${theme}`);
    const found = await new AxeBuilder({ page })
      .include('.jp-mlops-reproduction')
      .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'])
      .analyze();
    const faults = found.violations.flatMap(({ id, nodes }) =>
      nodes.map(node => `${id}: ${node.html.slice(0, 200)}`)
    );
    expect(faults, theme).toEqual([]);
  }
  await stages.getByRole('button', { name: 'Compare the two' }).click();
  const view = page.locator('.jp-mlops-comparison:visible');
  await expect(view.getByRole('rowheader', { name: 'clock' })).toBeVisible();
});
