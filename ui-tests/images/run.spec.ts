import { join } from 'path';

import type { RunDetail } from '../../labextension/src/api/runs';
import { code, expect, markdown, parameters, test } from '../tests/support';

const IMAGES = join(__dirname, '../../docs/images');

const TRAINING = [
  markdown('# Digits'),
  parameters('epochs = 60  # passes over the data\nlr = 0.05  # learning rate'),
  code(
    'import jupyter_mlops as mlops, numpy as np\n\nrandom = np.random.default_rng(0)\n' +
      'for epoch in range(epochs):\n' +
      '    seen = 1 - np.exp(-lr * epoch)\n' +
      '    noise = random.normal(0, 0.012, 4)\n' +
      '    mlops.log({"train/loss": 2.3 - 2.1 * seen + noise[0], "train/accuracy": 0.1 + 0.89 * seen + noise[1],\n' +
      '               "val/loss": 2.3 - 1.9 * seen + 3 * noise[2], "val/accuracy": 0.1 + 0.84 * seen + 2 * noise[3],\n' +
      '               "lr": lr * 0.97 ** epoch})\n' +
      'mlops.log({"test/accuracy": 0.9417, "test/loss": 0.2113})'
  )
];

for (const theme of ['light', 'dark'] as const) {
  test(`run ${theme}`, async ({ page, lab, mlops }) => {
    expect(lab).toBeTruthy();
    await page.theme.setTheme(`JupyterLab ${theme === 'light' ? 'Light' : 'Dark'}`);
    const path = await mlops.notebook('digits.ipynb', TRAINING);
    const job = await mlops.submit(path, { tags: { team: 'vision' } });
    await mlops.reaches(job.id, 'succeeded');
    const run = (await mlops.job(job.id)).tracking.run_id ?? '';
    await expect
      .poll(async () => (await mlops.get<RunDetail>(`runs/${run}`)).run.own_tags, {
        timeout: 60_000
      })
      .toHaveProperty(['mlops.reproducible']);
    await page.evaluate(id => {
      void window.jupyterapp.commands.execute('application:toggle-left-area');
      void window.jupyterapp.commands.execute('mlops:open-run', { run: id });
    }, run);
    const shown = page.locator('.jp-mlops-run:visible');
    await expect(shown.locator('figure')).toHaveCount(5, { timeout: 90_000 });
    await page.mouse.move(1, 1);
    await page.addStyleTag({ content: '.Toastify { display: none; }' });
    await page.waitForTimeout(1500);
    await page.screenshot({ path: join(IMAGES, `run-${theme}.png`) });
    await shown.getByRole('tab', { name: 'Record' }).click();
    await expect(shown.getByText('Machine and environment')).toBeVisible();
    await page.mouse.move(1, 1);
    await page.waitForTimeout(500);
    await page.screenshot({ path: join(IMAGES, `run-record-${theme}.png`) });
  });
}
