import { join } from 'path';

import { code, expect, gate, test } from '../tests/support';

const IMAGES = join(__dirname, '../../docs/images');

const TRAINING = [
  code(
    '%load_ext jupyter_mlops\nimport jupyter_mlops as mlops, math, random, time\nrandom.seed(0)'
  ),
  code(
    `%%mlops track --name digits -p lr=0.002
for epoch in range(120):
    noise = random.random() / 20
    mlops.log({"loss": math.exp(-epoch / 30) + noise, "val/loss": 0.12 + math.exp(-epoch / 35)})
    mlops.log(accuracy=0.97 - 0.6 * math.exp(-epoch / 25) + noise / 4, lr=2e-3 * 0.98**epoch)
${gate('go')}`
  )
];

for (const theme of ['light', 'dark'] as const) {
  // Galata calls the folder after the file and the test: it is in the picture.
  test(theme, async ({ page, lab, mlops }) => {
    await page.theme.setTheme(`JupyterLab ${theme === 'light' ? 'Light' : 'Dark'}`);
    const path = await mlops.notebook('digits.ipynb', TRAINING);
    await lab.openNotebook(path);
    await expect(page.getByText('Python 3 (ipykernel) | Idle')).toBeVisible();
    await lab.command('notebook:run-all-cells');
    const notebook = page.locator('.jp-NotebookPanel:visible');
    const live = notebook.getByRole('group', { name: 'Metrics of digits' });
    await expect(live.locator('svg')).toHaveCount(3, { timeout: 60_000 });
    await expect(live.getByRole('img', { name: /lr: .* 120 points/ })).toBeVisible();
    await notebook.screenshot({ path: join(IMAGES, `track-${theme}.png`) });
    await mlops.open('go');
  });
}
