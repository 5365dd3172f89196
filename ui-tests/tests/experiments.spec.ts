import type { RunList, RunRow } from '../../labextension/src/api/runs';
import { seeded } from './seeded';
import type { Lab } from './support';
import { expect, test } from './support';

const TOTAL = 10_000;
const HOSTILE = 'hostile <img src=x onerror=alert(1)>';
/** Rows that may be in the document, whatever the number of runs. */
const MOST_ROWS = 80;

async function open(lab: Lab, experiment: string): Promise<void> {
  await lab.command('mlops:open-runs', { experiment });
  await expect(lab.page.locator('[data-mlops-run]').first()).toBeVisible();
}

test.describe.configure({ timeout: 700_000 });

/** Ten thousand runs cost as much as those in sight, at the end as at the beginning. */
test('ten thousand runs: rows stay few, the end is one key away', async ({
  page,
  lab,
  mlops
}) => {
  const experiment = await seeded(mlops);
  const asked: string[] = [];
  page.on('request', request => {
    if (request.url().includes('/api/v1/runs?')) {
      asked.push(request.url());
    }
  });
  await open(lab, experiment);
  const grid = page.getByRole('grid', { name: 'Runs of digits' });
  await expect(page.getByText('10,000 runs', { exact: true })).toBeVisible();
  await expect(grid).toHaveAttribute('aria-rowcount', String(TOTAL + 1));
  const rows = grid.locator('.jp-mlops-grid-row');
  expect(await rows.count()).toBeLessThanOrEqual(MOST_ROWS);
  await grid.focus();
  await page.keyboard.press('End');
  await expect(
    grid.locator(`[aria-rowindex="${TOTAL + 1}"][data-mlops-run]`)
  ).toContainText('-0');
  expect(await rows.count()).toBeLessThanOrEqual(MOST_ROWS);
  // What lies between was never asked for.
  expect(asked.length).toBeLessThan(15);
  // Scrolled through by pieces, nothing is left blank.
  for (const share of [0.75, 0.5, 0.25, 0]) {
    await grid.evaluate((node, to) => (node.scrollTop = node.scrollHeight * to), share);
    await expect(grid.locator('.jp-mlops-grid-loading')).toHaveCount(0);
    expect(await rows.count()).toBeLessThanOrEqual(MOST_ROWS);
  }
  await expect(grid.locator('.jp-mlops-sparkline path').first()).toBeVisible();
});

/** Ordered and filtered on the server, by a click, by words, by MLflow's syntax, by both. */
test('runs are ordered, and found by words and by conditions', async ({
  page,
  lab,
  mlops
}) => {
  const experiment = await seeded(mlops);
  await open(lab, experiment);
  const grid = page.getByRole('grid', { name: 'Runs of digits' });
  const head = grid.getByRole('columnheader', { name: 'accuracy', exact: true });
  const best = await mlops.get<RunList>(
    `runs?experiment=${experiment}&order=metrics.accuracy:desc&limit=1`
  );
  await head.click();
  await expect(head).toHaveAttribute('aria-sort', 'descending');
  const first = grid.locator('[aria-rowindex="2"]');
  await expect(first).toHaveAttribute('data-mlops-run', best.runs[0].id);
  await head.click();
  await expect(head).toHaveAttribute('aria-sort', 'ascending');
  const worst = await mlops.get<RunList>(
    `runs?experiment=${experiment}&order=metrics.accuracy:asc&limit=1`
  );
  await expect(first).toHaveAttribute('data-mlops-run', worst.runs[0].id);

  const search = page.getByRole('searchbox', { name: 'Search runs' });
  const total = page.locator('.jp-mlops-runs-total');
  for (const filter of [
    'tuned-99',
    "metrics.accuracy > 0.95 AND params.optimizer = 'lion'",
    'vision metrics.loss < 0.1'
  ]) {
    const { total: count } = await mlops.get<RunList>(
      `runs?experiment=${experiment}&filter=${encodeURIComponent(filter)}&limit=1`
    );
    await search.fill(filter);
    await expect(total).toHaveText(`${(count ?? 0).toLocaleString('en')} runs`);
    expect(count).toBeLessThan(TOTAL);
  }
  // What can't be read is said, and the last good result stays.
  const before = await total.textContent();
  await search.fill('metrics.accuracy >');
  await expect(
    page.getByRole('alert').filter({ hasText: 'at character 19' })
  ).toBeVisible();
  await expect(total).toHaveText(before ?? '');
  await expect(first).toBeVisible();
  await search.fill('nothing of the kind');
  await expect(page.getByRole('heading', { name: 'No run matches' })).toBeVisible();
  await page.getByRole('button', { name: 'Show all runs' }).click();
  await expect(total).toHaveText('10,000 runs');
});

/** From group to run, columns, selection: without a pointer. */
test('groups, columns and selection by keyboard', async ({ page, lab, mlops }) => {
  const experiment = await seeded(mlops);
  await page.evaluate(() => {
    const commands = window.jupyterapp.commands;
    commands.commandExecuted.connect((_, { id, args }) => {
      if (['mlops:compare-runs', 'mlops:open-run'].includes(id)) {
        document.body.dataset.executed = JSON.stringify([id, args]);
      }
    });
  });
  await open(lab, experiment);
  const executed = () =>
    page.evaluate(() => JSON.parse(document.body.dataset.executed ?? '[]') as unknown[]);
  const chosen = page.locator('.jp-mlops-grid-row[aria-selected="true"]');
  const grid = page.locator('.jp-mlops-grid');
  await grid.focus();
  await page.keyboard.press('Space');
  await page.keyboard.press('Shift+ArrowDown');
  await expect(chosen).toHaveCount(2);
  await expect(page.getByText('2 runs selected')).toBeVisible();
  const ids = await chosen.evaluateAll(rows =>
    rows.map(row => (row as HTMLElement).dataset.mlopsRun)
  );
  await page.keyboard.press('c');
  await expect.poll(executed).toEqual(['mlops:compare-runs', { runs: ids }]);
  // What opens comes to the front when it is there, not before.
  await expect(
    page.getByRole('tab', { name: 'Compare 2 runs', selected: true })
  ).toBeVisible();
  await lab.command('mlops:open-runs', { experiment });
  await grid.focus();
  await page.keyboard.press('Enter');
  await expect.poll(executed).toEqual(['mlops:open-run', { run: ids[1] }]);
  await expect(page.locator('.jp-mlops-run:visible')).toBeVisible();
  await lab.command('mlops:open-runs', { experiment });
  await grid.focus();
  await page.keyboard.press('Escape');
  await expect(chosen).toHaveCount(0);
  await page.keyboard.press('f');
  const star = page.locator(`[data-mlops-run="${ids[1]}"]`).getByRole('button', {
    name: 'Favourite'
  });
  await expect(star).toHaveAttribute('aria-pressed', 'true');
  const { run } = await mlops.get<{ run: RunRow }>(`runs/${ids[1]}?summary=false`);
  expect(run.favourite).toBe(true);
  await page.keyboard.press('f');
  await expect(star).toHaveAttribute('aria-pressed', 'false');

  // To the heads, the second column one to the left.
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowRight');
  const heads = grid.getByRole('columnheader');
  const names = await heads.allTextContents();
  await page.keyboard.press('Control+ArrowLeft');
  await expect(heads.nth(1)).toHaveText(names[2]);
  await page.keyboard.press('Delete');
  await expect(heads.nth(1)).toHaveText(names[1]);
  await page.keyboard.press('/');
  await expect(page.getByRole('searchbox', { name: 'Search runs' })).toBeFocused();

  await page.getByRole('button', { name: 'Group', exact: true }).click();
  const groups = page.getByRole('dialog', { name: 'Group by' });
  await groups.getByRole('searchbox').fill('optim');
  await groups.getByRole('button', { name: 'optimizer' }).click();
  const tree = page.getByRole('treegrid', { name: 'Runs of digits' });
  await expect(tree.locator('.jp-mlops-grid-group')).toHaveCount(3);
  await tree.focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowRight');
  await expect(tree.locator('[aria-rowindex="2"]')).toHaveAttribute(
    'aria-expanded',
    'true'
  );
  await expect(tree.locator('[data-mlops-run]').first()).toBeVisible();
  expect(await tree.locator('.jp-mlops-grid-row').count()).toBeLessThanOrEqual(MOST_ROWS);
});

/** Who isn't looked at doesn't ask; who is, asks for what is new only. */
test('a hidden tab asks for nothing', async ({ page, lab, mlops }) => {
  const experiment = await seeded(mlops);
  await open(lab, experiment);
  await lab.command('mlops:show-experiments');
  await expect(page.locator('[data-mlops-experiment]').first()).toBeVisible();
  const statuses: number[] = [];
  let asked = 0;
  page.on('request', request => {
    if (/\/api\/v1\/(runs|experiments|sparklines)/.test(request.url())) {
      asked++;
    }
  });
  page.on('response', response => {
    if (/\/api\/v1\/(runs|experiments)\?/.test(response.url())) {
      statuses.push(response.status());
    }
  });
  await expect
    .poll(() => statuses.filter(status => status === 304).length)
    .toBeGreaterThan(3);
  await page.evaluate(() => {
    Object.defineProperty(document, 'hidden', { get: () => true, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  });
  // What was under way comes back.
  await page.waitForTimeout(2_000);
  const before = asked;
  await page.waitForTimeout(8_000);
  expect(asked).toBe(before);
  await page.evaluate(() => {
    Object.defineProperty(document, 'hidden', { get: () => false, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  });
  await expect.poll(() => asked).toBeGreaterThan(before);
});

/** Names, notes and values of runs are text, in the panel, the table and its menus. */
test('hostile names are text; two tabs don’t overwrite a note', async ({
  page,
  lab,
  mlops
}) => {
  const experiment = await seeded(mlops);
  await lab.command('mlops:show-experiments');
  const panel = page.getByRole('region', { name: 'Experiments', exact: true });
  const row = panel.locator('.jp-mlops-line-run').filter({ hasText: HOSTILE });
  await panel.getByRole('searchbox').fill('hostile');
  await expect(row).toBeVisible();
  await open(lab, experiment);
  const run = page.locator('.jp-mlops-grid-row').filter({ hasText: HOSTILE });
  await expect(run).toBeVisible();
  await run.click({ button: 'right' });
  await page.getByRole('menuitem', { name: 'Note…' }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog).toContainText(HOSTILE);
  const id = (await run.getAttribute('data-mlops-run')) ?? '';

  // Somebody else is quicker.
  const { note_version } = await mlops.get<{ note_version: string }>(`runs/${id}`);
  await mlops.patch(`runs/${id}`, { note: `theirs ${HOSTILE}`, note_version });
  await dialog.getByRole('textbox').fill('mine');
  await dialog.getByRole('button', { name: 'Save' }).click();
  await expect(dialog).toContainText('The note has changed');
  await expect(dialog.getByLabel('As it is now')).toHaveValue(`theirs ${HOSTILE}`);
  await expect(dialog.getByLabel('Yours')).toHaveValue('mine');
  await dialog.getByLabel('Yours').fill('theirs and mine');
  await dialog.getByRole('button', { name: 'Save mine' }).click();
  await expect(dialog).toHaveCount(0);
  const now = await mlops.get<{ run: RunRow; note_version: string }>(`runs/${id}`);
  expect(now.run.note).toBe('theirs and mine');
  await mlops.patch(`runs/${id}`, { note: '', note_version: now.note_version });
  await expect(page.locator('img[onerror]')).toHaveCount(0);
});

/** A reloaded page shows the tables that were open, as they were. */
test('a table comes back with the page', async ({ page, lab, mlops }) => {
  const experiment = await seeded(mlops);
  await open(lab, experiment);
  const search = page.getByRole('searchbox', { name: 'Search runs' });
  await search.fill('wide-9');
  await expect(page.locator('.jp-mlops-runs-total')).not.toHaveText('10,000 runs');
  const total = (await page.locator('.jp-mlops-runs-total').textContent()) ?? '';
  await page.getByRole('button', { name: 'Views' }).click();
  await page.getByRole('menuitem', { name: 'Save view as…' }).click();
  await page.getByRole('dialog').getByRole('textbox').fill('wide ones');
  await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
  await expect(page.getByRole('button', { name: 'View: wide ones' })).toBeVisible();
  // JupyterLab keeps its layout a moment later.
  await page.waitForTimeout(1500);
  // Galata would wait for the launcher to be in front.
  await page.evaluate(() => window.location.reload());
  await expect(page.getByRole('tab', { name: 'digits' })).toBeVisible();
  await expect(search).toHaveValue('wide-9');
  await expect(page.locator('.jp-mlops-runs-total')).toHaveText(total);
});
