import { faults } from './axe';
import { seeded } from './seeded';
import { code, expect, parameters, test } from './support';

/** What axe finds at levels A and AA within our own parts; JupyterLab's are not ours to mend. */
for (const theme of ['Light', 'Dark'] as const) {
  test(`axe finds nothing in ${theme.toLowerCase()}`, async ({ page, lab, mlops }) => {
    const path = await mlops.notebook('train.ipynb', [
      parameters('lr = 0.1  # learning rate\nfast = True'),
      code('print(lr)'),
      code('1 / 0')
    ]);
    const { id } = await mlops.submit(path);
    await mlops.reaches(id, 'failed');
    await page.theme.setTheme(`JupyterLab ${theme}`);
    await lab.showPanel();
    await expect(lab.row('train')).toBeVisible();
    expect(await faults(page, '.jp-mlops-jobsPanel')).toEqual([]);
    await lab.openJob(id);
    await expect(lab.state).toHaveText('Failed');
    for (const tab of ['Notebook', 'Log', 'Parameters', 'Details']) {
      await lab.document.getByRole('tab', { name: tab }).click();
      expect(await faults(page, '.jp-mlops-job'), tab).toEqual([]);
    }
    await lab.openForm(path);
    await lab.form.getByText('More options').click();
    expect(await faults(page, '.jp-mlops-formBody')).toEqual([]);
    await page.keyboard.press('Escape');
  });
  test(`axe finds nothing in experiments in ${theme.toLowerCase()}`, async ({
    page,
    lab,
    mlops
  }) => {
    test.setTimeout(700_000);
    // What axe takes grows with the cells in sight; a few of each kind tell it all.
    await page.setViewportSize({ width: 1400, height: 560 });
    const experiment = await seeded(mlops);
    await page.theme.setTheme(`JupyterLab ${theme}`);
    await lab.command('mlops:show-experiments');
    const panel = page.getByRole('region', { name: 'Experiments', exact: true });
    const row = panel.getByRole('row').filter({ hasText: 'digits' });
    await expect(row).toBeVisible();
    expect(await faults(page, '.jp-mlops-experimentsPanel')).toEqual([]);
    await row.locator('.jp-mlops-row-state').click();
    await expect(panel.locator('[data-mlops-run]').first()).toBeVisible();
    expect(await faults(page, '.jp-mlops-experimentsPanel'), 'open').toEqual([]);
    const search = panel.getByRole('searchbox');
    await search.fill('metrics.accuracy >');
    await expect(panel.getByRole('alert')).toBeVisible();
    expect(await faults(page, '.jp-mlops-experimentsPanel'), 'refused').toEqual([]);
    await search.fill('nothing of the kind');
    await expect(panel.getByText('Nothing matches.')).toBeVisible();
    expect(await faults(page, '.jp-mlops-experimentsPanel'), 'nothing').toEqual([]);

    await lab.command('mlops:open-runs', { experiment });
    const table = page.locator('.jp-mlops-runsContent');
    const grid = table.getByRole('grid');
    await expect(grid.locator('.jp-mlops-sparkline path').first()).toBeVisible();
    expect(await faults(page, '.jp-mlops-runsContent')).toEqual([]);
    const boxes = grid.getByRole('checkbox');
    await boxes.nth(0).click();
    await boxes.nth(1).click();
    await expect(table.getByText('2 runs selected')).toBeVisible();
    expect(await faults(page, '.jp-mlops-runsContent'), 'selected').toEqual([]);
    for (const name of ['Columns', 'Group']) {
      await table.getByRole('button', { name, exact: true }).click();
      await expect(table.getByRole('dialog')).toBeVisible();
      expect(await faults(page, '.jp-mlops-runsContent'), name).toEqual([]);
      await page.keyboard.press('Escape');
    }
    await table.getByRole('button', { name: 'Group', exact: true }).click();
    await table.getByRole('dialog').getByText('optimizer', { exact: true }).click();
    await expect(table.getByRole('treegrid')).toBeVisible();
    await table.locator('.jp-mlops-grid-group').first().click();
    await expect(table.locator('[data-mlops-run]').first()).toBeVisible();
    expect(await faults(page, '.jp-mlops-runsContent'), 'grouped').toEqual([]);
    await table.getByRole('searchbox', { name: 'Search runs' }).fill('metrics.accuracy >');
    await expect(table.getByRole('alert')).toBeVisible();
    expect(await faults(page, '.jp-mlops-runsContent'), 'refused').toEqual([]);
  });
}
