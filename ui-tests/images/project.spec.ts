import type { IJupyterLabPageFixture } from '@jupyterlab/galata';
import { join } from 'path';

import { code, expect, markdown, parameters, test } from '../tests/support';

const IMAGES = join(__dirname, '../../docs/images');

const TRAINING = [
  markdown('# Digits\nA small network on scikit-learn’s handwritten digits.'),
  parameters(
    'epochs = 8  # passes over the data\nlr = 0.002  # learning rate\nlayers = [64, 64]'
  ),
  code(
    'from sklearn.datasets import load_digits\nfrom sklearn.model_selection import train_test_split\n' +
      'from sklearn.neural_network import MLPClassifier\n\n' +
      'X, y = load_digits(return_X_y=True)\n' +
      'train_X, test_X, train_y, test_y = train_test_split(X / 16, y, random_state=0)'
  ),
  code(
    'model = MLPClassifier(tuple(layers), learning_rate_init=lr, random_state=0)\n' +
      'accuracy = []\nfor epoch in range(epochs):\n' +
      '    model.partial_fit(train_X, train_y, classes=range(10))\n' +
      '    accuracy.append(model.score(test_X, test_y))\n' +
      '    print(f"epoch {epoch + 1}: accuracy {accuracy[-1]:.3f}", flush=True)'
  ),
  code(
    'import matplotlib.pyplot as plt\n\nplt.figure(figsize=(6, 2.2))\n' +
      'plt.plot(range(1, epochs + 1), accuracy, marker="o")\n' +
      'plt.xlabel("epoch"); plt.ylabel("accuracy"); plt.tight_layout()'
  ),
  code(
    'from sklearn.model_selection import cross_val_score\n\n' +
      'cross_val_score(MLPClassifier(tuple(layers), max_iter=500), X, y, cv=50).mean()'
  )
];

for (const theme of ['light', 'dark'] as const) {
  // Galata calls the folder after the file and the test: it is in the picture.
  test(theme, async ({ page, lab, mlops }) => {
    const shot = async (name: string) => {
      await settled(page);
      await page.screenshot({ path: join(IMAGES, `${name}-${theme}.png`) });
    };
    await page.theme.setTheme(`JupyterLab ${theme === 'light' ? 'Light' : 'Dark'}`);
    const train = await mlops.notebook('digits.ipynb', TRAINING);
    const clean = await mlops.notebook('clean-data.ipynb', [code('print(1)')]);
    const report = await mlops.notebook('report.ipynb', [
      markdown('# Weekly report'),
      code('results = {}  # of this week'),
      code('total = sum(results.values())\nprint("mean", total / len(results))')
    ]);
    const done = await mlops.submit(clean, { name: 'clean-data' });
    await mlops.reaches(done.id, 'succeeded');
    const failed = await mlops.submit(report, { name: 'weekly report' });
    await mlops.reaches(failed.id, 'failed');
    const stopped = await mlops.submit(train, { name: 'digits, wide' });
    await mlops.post(`jobs/${stopped.id}/cancel`);
    await mlops.reaches(stopped.id, 'cancelled');
    const job = await mlops.submit(train, { parameters: { epochs: 12 } });

    await page.filebrowser.openDirectory(mlops.folder);
    await lab.openNotebook(train);
    await lab.openForm(train);
    await lab.form.getByLabel('epochs', { exact: true }).fill('20');
    await shot('form');
    await page.keyboard.press('Escape');
    await expect(lab.form).toHaveCount(0);

    await page.notebook.close(false);
    await lab.showPanel();
    await lab.openJob(job.id);
    await expect(lab.document.locator('img')).toBeVisible({ timeout: 60_000 });
    await lab.output('epoch 12').scrollIntoViewIfNeeded();
    await lab.document.locator('img').scrollIntoViewIfNeeded();
    await shot('job');

    await lab.openJob(failed.id);
    await expect(lab.state).toHaveText('Failed');
    await shot('panel');
  });
}

/** Nothing that comes and goes is in the picture. */
async function settled(page: IJupyterLabPageFixture): Promise<void> {
  await page.mouse.move(1, 1);
  await page.addStyleTag({ content: '.Toastify { display: none; }' });
  await page.evaluate(() => document.fonts.ready);
  await page.waitForTimeout(500);
}
