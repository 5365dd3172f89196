import type { RunList } from '../../labextension/src/api/runs';
import type { Lab } from '../tests/support';
import { expect, test } from '../tests/support';

/** As seed_server.py makes them. */
const RUNS = 320;

async function open(lab: Lab): Promise<void> {
  await lab.command('mlops:open-runs', { experiment: '1' });
  // The first look loads MLflow's client.
  await expect(lab.page.locator('[data-mlops-run]').first()).toBeVisible({
    timeout: 120_000
  });
}

/** The server counts nothing and turns pages one after the other; the table does as if it did. */
test('the last run is one key away, and how often the server is asked is told', async ({
  page,
  lab
}) => {
  const asked: string[] = [];
  page.on('request', request => {
    if (request.url().includes('/api/v1/runs?')) {
      asked.push(request.url());
    }
  });
  await open(lab);
  const grid = page.getByRole('grid', { name: 'Runs of digits' });
  await expect(page.getByText(`${RUNS} runs`, { exact: true })).toBeVisible();
  await expect(grid).toHaveAttribute('aria-rowcount', String(RUNS + 1));
  const look = page.locator('.jp-mlops-runs').getByRole('button', { name: 'Look now' });
  await expect(look).toContainText(/every \d+ s/);
  const before = asked.length;
  await look.click();
  await expect.poll(() => asked.length).toBeGreaterThan(before);
  await grid.focus();
  await page.keyboard.press('End');
  await expect(grid.locator(`[aria-rowindex="${RUNS + 1}"][data-mlops-run]`)).toContainText(
    'run-0000'
  );
  // Not page by page.
  expect(asked.some(url => url.includes('offset='))).toBe(true);
});

/** Groups are counted a page of runs at a time, and open as any others. */
test('runs are grouped by a parameter, and words say where they are looked for', async ({
  page,
  lab,
  mlops
}) => {
  await open(lab);
  const grid = page.getByRole('treegrid', { name: 'Runs of digits' });
  await page.locator('.jp-mlops-runs-head').getByRole('button', { name: 'Group' }).click();
  await page.getByRole('dialog').getByText('optimizer', { exact: true }).click();
  const groups = grid.locator('[aria-expanded]');
  await expect(groups).toHaveCount(3);
  await expect(page.getByText(`${RUNS} runs`, { exact: true })).toBeVisible();
  const sgd = await mlops.get<RunList>('runs?experiment=1&filter=params.optimizer="sgd"');
  await expect(groups.filter({ hasText: 'sgd' })).toContainText(String(sgd.total));
  await grid.focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('Enter');
  await expect(grid.locator('[data-mlops-run]').first()).toBeVisible();
  await page.getByRole('searchbox', { name: 'Search runs' }).fill('run-03');
  await expect(page.getByText('20 runs', { exact: true })).toBeVisible();
  await expect(
    page.getByText('A tracking server looks for words in names only.', { exact: false })
  ).toBeVisible();
});

/** A run is found in the panel, liked, noted; the server has both. */
test('the panel, a favourite and a note', async ({ page, lab, mlops }) => {
  await lab.page.evaluate(() => {
    window.jupyterapp.shell.activateById('jupyter-mlops-experiments');
  });
  const panel = page.getByRole('region', { name: 'Experiments' });
  await panel.getByText('churn', { exact: true }).click();
  const run = panel.getByText('run-0011', { exact: true });
  await run.click();
  const header = page.locator('.jp-mlops-run-line');
  await expect(header).toContainText('asked every 5 s');
  await header.getByRole('button', { name: 'Add to favourites' }).click();
  await expect(
    header.getByRole('button', { name: 'Remove from favourites' })
  ).toBeVisible();
  const list = await mlops.get<RunList>('runs?experiment=2&filter=run-0011');
  expect(list.runs[0].favourite).toBe(true);
});
