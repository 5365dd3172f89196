import { galata } from '@jupyterlab/galata';

import { code, expect, test } from './support';

test.use({
  // Galata's looks for the Launcher by its English name.
  waitForApplication: async ({ baseURL }, use) => {
    expect(baseURL).toBeTruthy();
    await use(async page => {
      await page.locator('#jp-main-dock-panel').waitFor();
    });
  },
  mockSettings: {
    ...galata.DEFAULT_SETTINGS,
    '@jupyterlab/translation-extension:plugin': { locale: 'ko_KR' }
  }
});

/** Panel, form and document speak the language that JupyterLab is set to. */
test('everything is there in Korean', async ({ page, lab, mlops }) => {
  const path = await mlops.notebook('train.ipynb', [code('1')]);
  await lab.command('jupyter-mlops:show-jobs');
  await expect(page.getByRole('heading', { name: '아직 작업이 없습니다' })).toBeVisible();
  const { id } = await mlops.submit(path);
  await mlops.reaches(id, 'succeeded');
  await lab.command('jupyter-mlops:open-job', { id });
  await expect(lab.document.getByRole('tab', { name: '노트북' })).toBeVisible();
  await expect(lab.document.getByRole('tab', { name: 'Notebook' })).toHaveCount(0);
  await lab.openForm(path);
  await expect(lab.form.getByRole('button', { name: '실행', exact: true })).toBeVisible();
  await page.keyboard.press('Escape');
});
