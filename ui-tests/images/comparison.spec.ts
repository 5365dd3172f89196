import { join } from 'path';

import { code, expect, parameters, test } from '../tests/support';

const IMAGES = join(__dirname, '../../docs/images');

const TRAINING = [
  parameters('lr = 0.01\noptimizer = "adam"\ndepth = 4'),
  code(
    'import math, random\nimport jupyter_mlops as mlops\n\nrandom.seed(depth)\n' +
      'q = abs(math.log10(lr) + 2.2)\n' +
      'for step in range(600):\n' +
      '    noise = random.gauss(0, 0.03 + 0.02 * q)\n' +
      '    loss = 2.3 * math.exp(-step / (40 + 40 * q)) + 0.08 + 0.05 * q + abs(noise) / 2\n' +
      '    mlops.log({"train/loss": loss, "lr": lr * (1 + math.cos(step / 600 * math.pi)) / 2}, step=step)\n' +
      '    if step % 20 == 0:\n' +
      '        mlops.log({"val/loss": loss * 1.15, "val/accuracy": 0.98 - 0.03 * q - 0.9 * math.exp(-step / 80)}, step=step)\n' +
      'mlops.log({"test/accuracy": 0.98 - 0.03 * q, "test/f1": 0.97 - 0.035 * q})'
  )
];

const RUNS = [
  ['adam, small', { lr: 0.003 }],
  ['adam', { lr: 0.01, depth: 6 }],
  ['sgd', { lr: 0.1, optimizer: 'sgd' }],
  ['rmsprop, deep', { lr: 0.03, optimizer: 'rmsprop', depth: 12 }],
  ['sgd, deep', { lr: 0.3, optimizer: 'sgd', depth: 8 }]
] as const;

for (const theme of ['light', 'dark'] as const) {
  test(`comparison ${theme}`, async ({ page, mlops }) => {
    await page.theme.setTheme(`JupyterLab ${theme === 'light' ? 'Light' : 'Dark'}`);
    await page.addStyleTag({ content: '.Toastify { display: none; }' });
    const path = await mlops.notebook('digits.ipynb', TRAINING);
    const runs: string[] = [];
    for (const [name, values] of RUNS) {
      const { id } = await mlops.submit(path, { name, parameters: values });
      await mlops.reaches(id, 'succeeded');
      await expect.poll(async () => (await mlops.job(id)).tracking.run_id).toBeTruthy();
      runs.push((await mlops.job(id)).tracking.run_id ?? '');
    }
    await page.sidebar.close('left');
    await page.evaluate(given => {
      void window.jupyterapp.commands.execute('mlops:compare-runs', { runs: given });
    }, runs);
    const view = page.locator('.jp-mlops-comparison:visible');
    const shot = async (tab: string, name: string) => {
      await view.getByRole('tab', { name: tab }).click();
      await page.mouse.move(1, 1);
      await page.waitForTimeout(2000);
      await page.screenshot({ path: join(IMAGES, `${name}-${theme}.png`) });
    };
    await shot('Overview', 'comparison');
    await view.getByRole('tab', { name: 'Charts' }).click();
    await view.getByLabel('Smoothing').fill('0.8');
    await shot('Charts', 'comparison-charts');
  });
}
