import AxeBuilder from '@axe-core/playwright';
import type { IJupyterLabPageFixture } from '@jupyterlab/galata';

import type { Mlops } from './support';
import { code, expect, parameters, test } from './support';

const IMG = '<img src=x onerror=alert(1)>';

/** A job of a notebook that logs, and the id of its run once all of it is recorded. */
async function logged(mlops: Mlops, name: string, lr: number): Promise<string> {
  const path = await mlops.notebook('train.ipynb', [
    parameters('lr = 0.1'),
    code(
      'import jupyter_mlops as mlops\n' +
        'for step in range(20):\n' +
        '    mlops.log({"loss": 2 / (step + 1) + lr, "noise": (-1) ** step}, step=step)\n' +
        'mlops.log({"accuracy": 1 - lr})'
    )
  ]);
  const { id } = await mlops.submit(path, { name, parameters: { lr } });
  await mlops.reaches(id, 'succeeded');
  await expect.poll(async () => (await mlops.job(id)).tracking.run_id).toBeTruthy();
  return (await mlops.job(id)).tracking.run_id ?? '';
}

/** From the comparison: a notebook and its page, beside what is there, and open. */
test('a report is made of compared runs', async ({ page, lab, mlops, baseURL }) => {
  test.slow();
  const runs = [
    await logged(mlops, 'first', 0.1),
    await logged(mlops, `second ${IMG}`, 0.01)
  ];
  // Where the person is in the file browser, and there is something of that name already.
  const old = `${mlops.folder}/report-Weekly-numbers.html`;
  await page.contents.uploadContent('mine', 'text', old);
  await page.filebrowser.openDirectory(mlops.folder);
  await page.evaluate(given => {
    void window.jupyterapp.commands.execute('mlops:compare-runs', { runs: given });
  }, runs);
  const view = page.locator('.jp-mlops-comparison:visible');
  await view.getByRole('button', { name: 'Report…' }).click();
  const dialog = page.getByRole('dialog').filter({ hasText: 'Report on 2 runs' });
  await expect(dialog.getByLabel('Title')).toBeFocused();
  await expect(dialog).toContainText(mlops.folder);
  await page.keyboard.type('Weekly numbers');
  await page.keyboard.press('Tab');
  await page.keyboard.press('ArrowDown');
  await expect(dialog.getByLabel('Metrics that I choose')).toBeChecked();
  await dialog.getByRole('checkbox', { name: 'noise' }).check();
  await dialog.getByRole('checkbox', { name: 'accuracy' }).check();
  await expect(dialog).toContainText(/2 of \d+ chosen/);
  await dialog.getByLabel('Filter names').fill('los');
  await expect(dialog.getByRole('checkbox', { name: 'noise' })).toHaveCount(0);
  await dialog.getByLabel('Also as one HTML file').check();
  await accessible(page);
  await dialog.getByRole('button', { name: 'Make report' }).click();

  const notebook = page.locator('.jp-NotebookPanel:visible');
  await expect(notebook.getByRole('heading', { name: 'Weekly numbers' })).toBeVisible();
  const saved = `${mlops.folder}/report-Weekly-numbers-2`;
  await lab.toast(saved).getByRole('button', { name: 'Open page' }).click();
  await expect(page.locator('.jp-HTMLViewer:visible')).toBeVisible();
  await page.evaluate(path => {
    void window.jupyterapp.commands.execute('docmanager:open', { path });
  }, `${saved}.ipynb`);
  await expect(notebook).toContainText(IMG);
  await expect(page.locator('img[onerror]')).toHaveCount(0);
  const text = JSON.stringify((await mlops.saved(`${saved}.ipynb`)).cells);
  expect(text).toContain('noise');
  expect(text).not.toContain('report.chart([\\"loss');

  // The page has one name with its notebook; what was there is as it was.
  const listed = await page.request.get(`${baseURL ?? ''}/api/contents/${mlops.folder}`);
  const { content } = (await listed.json()) as { content: { name: string }[] };
  const reports = content.map(({ name }) => name).filter(name => name.includes('report'));
  expect(reports.sort()).toEqual([
    'report-Weekly-numbers-2.html',
    'report-Weekly-numbers-2.ipynb',
    'report-Weekly-numbers.html'
  ]);
  const mine = await page.request.get(`${baseURL ?? ''}/files/${old}`);
  expect(await mine.text()).toBe('mine');
});

/** Whatever refuses: what was chosen stays, and the dialog says what to do. */
test('a report that can’t be made says why', async ({ page, mlops }) => {
  test.slow();
  const runs = [await logged(mlops, 'only', 0.1)];
  await page.filebrowser.openDirectory(mlops.folder);
  await page.evaluate(given => {
    void window.jupyterapp.commands.execute('mlops:make-report', { runs: given });
  }, runs);
  const dialog = page.getByRole('dialog').filter({ hasText: 'Report on 1 run' });
  await dialog.getByLabel('Title').fill('Kept');
  let refusing = /mlops\/api\/v1\/reports/;
  await page.route(/\/(mlops|api\/contents)\//, route => {
    const request = route.request();
    const refused = refusing.test(request.url()) && /POST|PUT/.test(request.method());
    return refused
      ? route.fulfill({
          status: 503,
          contentType: 'application/problem+json',
          body: JSON.stringify({
            code: 'tracking_unreachable',
            detail: 'The tracking server does not answer.',
            hint: 'Check that it runs.',
            message: 'Permission denied'
          })
        })
      : route.continue();
  });
  const make = dialog.getByRole('button', { name: 'Make report' });
  await make.click();
  const notice = dialog.getByRole('alert');
  await expect(notice).toContainText('The tracking server does not answer.');
  await expect(notice).toContainText('Check that it runs.');
  await expect(notice).toBeFocused();
  await expect(dialog.getByLabel('Title')).toHaveValue('Kept');
  await accessible(page);

  // The folder takes nothing: what was begun there goes again.
  refusing = /Untitled\.ipynb/;
  await make.click();
  await expect(notice).toContainText(`The report can’t be saved in ${mlops.folder}.`);
  await expect(notice).toContainText('Permission denied');
  refusing = /nothing any more/;
  expect(await page.contents.fileExists(`${mlops.folder}/Untitled.ipynb`)).toBe(false);

  await make.click();
  await expect(page.locator('.jp-NotebookPanel:visible')).toContainText('Kept');
  expect(await page.contents.fileExists(`${mlops.folder}/report-Kept.ipynb`)).toBe(true);
});

/** Nobody is left out, in either theme. */
async function accessible(page: IJupyterLabPageFixture): Promise<void> {
  for (const theme of ['Dark', 'Light']) {
    await page.theme.setTheme(`JupyterLab ${theme}`);
    const found = await new AxeBuilder({ page })
      .include('.jp-mlops-report')
      .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'])
      .analyze();
    const faults = found.violations.flatMap(({ id, nodes }) =>
      nodes.map(node => `${id}: ${node.html.slice(0, 200)}`)
    );
    expect(faults, theme).toEqual([]);
  }
}
