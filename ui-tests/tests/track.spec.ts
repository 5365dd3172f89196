import { code, expect, gate, test } from './support';

const TRAIN = `%%mlops track --name 'live chart'
import jupyter_mlops as mlops, math, time
def epoch(i):
    mlops.log({"loss": math.exp(-i / 30), "val/loss": 0.1 + math.exp(-i / 40)}, step=i)
    mlops.log(acc=1 - math.exp(-i / 30), lr=1e-3 * 0.97 ** i)
for i in range(60):
    epoch(i)
    time.sleep(0.02)
${gate('go')}
for i in range(60, 120):
    epoch(i)`;

/** Metrics are drawn while the cell runs; what stays needs no kernel. */
test('a tracked cell draws its metrics live, and keeps them', async ({
  page,
  lab,
  mlops
}) => {
  const path = await mlops.notebook('train.ipynb', [
    code('%load_ext jupyter_mlops'),
    code(TRAIN)
  ]);
  await lab.openNotebook(path);
  await expect(page.getByText('Python 3 (ipykernel) | Idle')).toBeVisible();
  await lab.command('notebook:run-all-cells');
  const notebook = page.locator('.jp-NotebookPanel:visible');
  const live = notebook.getByRole('group', { name: 'Metrics of live chart' });
  await expect(live).toBeVisible({ timeout: 60_000 });
  // One panel for the loss and its validation, one for each of the others.
  await expect(live.locator('svg')).toHaveCount(3);
  await expect(live.locator('svg').first().locator('polyline')).toHaveCount(2);
  const loss = live.getByText('val/loss');
  await expect(loss).toContainText(/0\.3/);
  const shots = process.env.MLOPS_SHOTS;
  if (shots) await page.screenshot({ path: `${shots}/live.png` });
  await mlops.open('go');
  // Pictures, which everybody shows, with what they show in words.
  const kept = live.getByRole('img', { name: /^loss: .* 120 points; val\/loss/ });
  await expect(kept).toBeVisible({ timeout: 60_000 });
  await expect(live).toHaveCount(1);
  await expect(live.locator('svg')).toHaveCount(0);
  await expect(notebook.getByText('has ended: finished')).toBeVisible();
  if (shots) await page.screenshot({ path: `${shots}/kept.png` });
  await lab.command('docmanager:save');
  const bundles = async () =>
    (await mlops.saved(path)).cells[1].outputs.flatMap(output =>
      Object.keys(output.data ?? {})
    );
  await expect.poll(bundles).toContain('application/vnd.vegalite.v5+json');
  expect((await bundles()).sort()).toEqual([
    'application/vnd.vegalite.v5+json',
    'text/html',
    'text/plain'
  ]);
});

test('the chart is readable in a dark theme', async ({ page, lab, mlops }) => {
  const path = await mlops.notebook('dark.ipynb', [
    code('%load_ext jupyter_mlops'),
    code(TRAIN)
  ]);
  await page.theme.setDarkTheme();
  await lab.openNotebook(path);
  await expect(page.getByText('Python 3 (ipykernel) | Idle')).toBeVisible();
  await lab.command('notebook:run-all-cells');
  const notebook = page.locator('.jp-NotebookPanel:visible');
  const live = notebook.getByRole('group', { name: 'Metrics of live chart' });
  await expect(live.locator('svg')).toHaveCount(3, { timeout: 60_000 });
  const shots = process.env.MLOPS_SHOTS;
  if (shots) await page.screenshot({ path: `${shots}/live-dark.png` });
  const text = live.locator('svg text').first();
  const colour = await text.evaluate(node => getComputedStyle(node).fill);
  const [red] = /\d+/.exec(colour) ?? ['0'];
  expect(Number(red)).toBeGreaterThan(120);
  await mlops.open('go');
  await expect(live.locator('img')).toHaveCount(3, { timeout: 60_000 });
  if (shots) await page.screenshot({ path: `${shots}/kept-dark.png` });
});
