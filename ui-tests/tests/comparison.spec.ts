import type { Locator } from '@playwright/test';

import { faults } from './axe';
import type { Lab, Mlops } from './support';
import { code, expect, gate, parameters, test } from './support';

const IMG = '<img src=x onerror=alert(1)>';

/** A job of a notebook that logs, and the id of its run once all of it is recorded. */
async function logged(
  mlops: Mlops,
  name: string,
  values: Record<string, unknown>,
  source: string
): Promise<string> {
  const path = await mlops.notebook(`${name}.ipynb`, [
    parameters('lr = 0.1\ndepth = 3\noptimizer = "adam"'),
    code(`import jupyter_mlops as mlops\n${source}`)
  ]);
  const { id } = await mlops.submit(path, { name, parameters: values });
  await mlops.reaches(id, 'succeeded');
  await expect.poll(async () => (await mlops.job(id)).tracking.run_id).toBeTruthy();
  return (await mlops.job(id)).tracking.run_id ?? '';
}

const LOSS =
  'for step in range(40):\n' +
  '    mlops.log({"loss": 2 / (step + 1) + lr, "noise": (-1) ** step}, step=step)\n' +
  'mlops.log({"test/accuracy": 1 - lr})';

async function compare(lab: Lab, runs: string[]): Promise<Locator> {
  await lab.page.evaluate(given => {
    void window.jupyterapp.commands.execute('mlops:compare-runs', { runs: given });
  }, runs);
  const view = lab.page.locator('.jp-mlops-comparison:visible');
  await expect(view.getByRole('tab', { name: 'Overview' })).toBeVisible();
  return view;
}

const plotOf = (view: Locator, metric: string) =>
  view.locator(`[data-metric="${metric}"] .jp-mlops-chart-plot`);

const rangeOf = async (plot: Locator) => [
  Number(await plot.getAttribute('data-from')),
  Number(await plot.getAttribute('data-to'))
];

/** Differences first; then the same runs as charts, by pointer and keyboard. */
test('runs are compared', async ({ page, lab, mlops, baseURL }) => {
  test.slow();
  const elsewhere: string[] = [];
  page.on('request', request => {
    if (!request.url().startsWith(baseURL ?? '') && /^(http|ws)/.test(request.url())) {
      elsewhere.push(request.url());
    }
  });
  const runs = [
    await logged(mlops, 'first', { lr: 0.1 }, LOSS),
    await logged(mlops, 'second', { lr: 0.001, optimizer: IMG }, LOSS)
  ];
  const view = await compare(lab, runs);
  const table = view.getByRole('table');
  const row = (name: string) =>
    table
      .getByRole('row')
      .filter({ has: page.getByRole('rowheader', { name, exact: true }) });
  await expect(row('lr')).toContainText('−0.099 (−99.0 %)');
  await expect(row('optimizer')).toContainText(IMG);
  await expect(row('test/accuracy')).toContainText('+0.099');
  await expect(row('depth')).toHaveCount(0);
  await view.getByLabel('Differences only').uncheck();
  await expect(row('depth')).toContainText('3');
  await view.getByLabel('Filter names').fill('dep');
  await expect(row('lr')).toHaveCount(0);
  await view.getByLabel('Filter names').fill('');
  // Measured by the other run, signs turn.
  await view.locator('.jp-mlops-chosen-run').nth(1).hover();
  await view.getByRole('button', { name: 'Baseline: second' }).click();
  await expect(row('test/accuracy')).toContainText('−0.099');

  await view.getByRole('tab', { name: 'Charts' }).click();
  const plot = plotOf(view, 'loss');
  await expect(plot).toHaveAccessibleName(/loss over step, 2 lines, .* step 39/);
  await expect(view.locator('[data-metric="test/accuracy"]')).toContainText('0.999');
  await plot.focus();
  await page.keyboard.press('ArrowRight');
  const said = view.locator('[data-metric="loss"] [aria-live]');
  await expect(said).toHaveText('step 0; first: 2.1; second: 2.001');
  await page.keyboard.press('ArrowRight');
  await expect(said).toHaveText('step 1; first: 1.1; second: 1.001');
  await page.keyboard.press('Escape');
  await page.keyboard.press('+');
  await expect.poll(() => rangeOf(plot)).toEqual([9.75, 29.25]);
  await page.keyboard.press('Shift+ArrowRight');
  await expect.poll(() => rangeOf(plot)).toEqual([14.625, 34.125]);
  await page.keyboard.press('Escape');
  await expect.poll(() => rangeOf(plot)).toEqual([0, 39]);

  await view.getByLabel('Smoothing').fill('0.6');
  await plot.hover({ position: { x: 200, y: 60 } });
  await expect(plot.locator('.jp-mlops-readout-value.jp-mod-raw').first()).toBeVisible();
  await view.getByLabel('Smoothing').fill('0');
  await view.getByRole('button', { name: 'Log', exact: true }).click();
  await expect(view.locator('[data-metric="noise"]')).toContainText(
    '40 values at or below zero have no place on a logarithmic scale.'
  );
  await view.getByRole('button', { name: 'Since start' }).click();
  await expect(plot).toHaveAccessibleName(/loss over since the start/);
  await view.getByLabel('Search metrics').fill('loss');
  await expect(view.locator('[data-metric]')).toHaveCount(1);
  await view.getByRole('button', { name: 'Step', exact: true }).click();
  await plot.hover();
  await view.getByRole('button', { name: 'Show as table' }).click();
  await expect(view.getByRole('row', { name: /^Greatest 2.1 2.001$/ })).toBeVisible();

  await view.getByRole('tab', { name: 'Parallel coordinates' }).click();
  const axis = await view.locator('[data-axis="params.lr"]').boundingBox();
  expect(axis).not.toBeNull();
  if (axis) {
    await page.mouse.move(axis.x + axis.width / 2, axis.y + 2);
    await page.mouse.down();
    await page.mouse.move(axis.x + axis.width / 2, axis.y + axis.height / 2, { steps: 4 });
    await page.mouse.up();
  }
  await expect(view.getByText('1 of 2 runs in the marked parts')).toBeVisible();
  await expect(view.locator('.jp-mlops-parallel-line[data-out="true"]')).toHaveAttribute(
    'data-mlops-run',
    runs[1]
  );
  const heads = view.locator('.jp-mlops-parallel-name');
  const names = await heads.allTextContents();
  await heads.first().focus();
  await page.keyboard.press('ArrowRight');
  await expect(heads).toHaveText([names[1], names[0], ...names.slice(2)]);
  await view.getByRole('button', { name: 'Clear marks' }).click();
  await expect(view.locator('.jp-mlops-parallel-line[data-out="true"]')).toHaveCount(0);

  await view.getByRole('tab', { name: 'Scatter' }).click();
  await view.getByLabel('Horizontal').selectOption('params.optimizer');
  await expect(view.locator('.jp-mlops-scatter-dots path')).toHaveCount(2);
  await view.getByRole('img', { name: 'test/accuracy against optimizer' }).focus();
  await page.keyboard.press('ArrowRight');
  await expect(view.locator('[aria-live]')).toContainText('test/accuracy 0.9');

  await view.getByRole('button', { name: 'Remove second' }).click();
  await expect(view.getByRole('heading', { name: '1 run', exact: true })).toBeVisible();
  await view.getByRole('button', { name: 'Add run' }).click();
  await view.getByRole('searchbox', { name: 'Search runs' }).fill('second');
  // Each notebook has an experiment of its own.
  await expect(view.getByText('No other run matches.')).toBeVisible();
  await view.getByLabel('In all experiments').check();
  await view
    .getByRole('dialog')
    .getByRole('button', { name: /second/ })
    .first()
    .click();
  await expect(view.getByRole('heading', { name: '2 runs' })).toBeVisible();
  await page.keyboard.press('Escape');
  await expect(page.locator('img[onerror]')).toHaveCount(0);
  expect(elsewhere).toEqual([]);

  for (const theme of ['Light', 'Dark']) {
    await page.theme.setTheme(`JupyterLab ${theme}`);
    for (const tab of ['Overview', 'Charts', 'Parallel coordinates', 'Scatter']) {
      await view.getByRole('tab', { name: tab }).click();
      expect(await faults(page, '.jp-mlops-comparison'), `${theme} ${tab}`).toEqual([]);
    }
  }
});

/** A run that was deleted keeps nobody from comparing the others. */
test('a run that is gone is left out', async ({ lab, mlops }) => {
  const runs = [
    await logged(mlops, 'first', { lr: 0.1 }, LOSS),
    await logged(mlops, 'second', { lr: 0.01 }, LOSS)
  ];
  const view = await compare(lab, ['0'.repeat(32), ...runs]);
  await expect(view.getByRole('alert')).toContainText('00000000 is not there any more.');
  await view.getByRole('button', { name: 'Remove it and compare the others' }).click();
  await expect(view.getByRole('heading', { name: '2 runs' })).toBeVisible();
  await expect(view.getByRole('rowheader', { name: 'lr', exact: true })).toBeVisible();
  await expect(view.getByRole('alert')).toHaveCount(0);

  // There is nothing to draw against each other with one alone.
  await view.getByRole('button', { name: 'Remove second' }).click();
  await view.getByRole('tab', { name: 'Scatter' }).click();
  await expect(view.getByText('Add a second run to see where they differ.')).toBeVisible();
});

/** Names that MLflow would refuse can be in a store that something else has written. */
test('metrics with hostile names are text', async ({ page, lab, mlops }) => {
  const run = await logged(mlops, 'hostile', {}, LOSS);
  await page.route(/mlops\/api\/v1\/(runs|metrics)/, async route => {
    const asked = route.request().url().replaceAll(encodeURIComponent(IMG), 'loss');
    const url = asked.replaceAll(new URLSearchParams({ key: IMG }).toString(), 'key=loss');
    const answer = await route.fetch({ url });
    const text = await answer.text();
    await route.fulfill({
      response: answer,
      body: text.replaceAll('"loss"', JSON.stringify(IMG))
    });
  });
  const view = await compare(lab, [run]);
  await view.getByRole('tab', { name: 'Charts' }).click();
  await expect(
    view.locator('.jp-mlops-chart-title').filter({ hasText: IMG })
  ).toBeVisible();
  await expect(view.getByRole('img', { name: IMG })).toBeVisible();
  await expect(page.locator('img[onerror]')).toHaveCount(0);
});

/** A million points are a small answer; looking closer asks for finer ones of that part. */
test('a million points are zoomed into', async ({ page, lab, mlops }) => {
  test.slow();
  const run = await logged(
    mlops,
    'million',
    {},
    'import math\n' +
      'for step in range(1_000_000):\n' +
      '    mlops.log(loss=math.exp(-step / 2e5) + 0.01 * (step % 7) + (step == 600_123), step=step)'
  );
  interface IAnswer {
    series: { total: number; x: number[] }[];
  }
  await expect
    .poll(
      async () =>
        (await mlops.get<IAnswer>(`metrics?run=${run}&key=loss&points=50`)).series[0].total,
      { timeout: 120_000 }
    )
    .toBe(1_000_000);
  const answers: { url: URL; size: number; count: number }[] = [];
  page.on('response', response => {
    const url = new URL(response.url());
    if (url.pathname.endsWith('/metrics') && response.status() === 200) {
      void response.body().then(body => {
        const { series } = JSON.parse(body.toString()) as IAnswer;
        answers.push({ url, size: body.length, count: series[0].x.length });
      });
    }
  });
  const view = await compare(lab, [run]);
  await view.getByRole('tab', { name: 'Charts' }).click();
  const plot = plotOf(view, 'loss');
  await expect(plot).toHaveAccessibleName(/step 1e6|step 999999/);
  // The one spike is there, though nearly all points are not.
  await expect(plot).toHaveAccessibleName(/values from .* to 1\.1098/);
  const box = await plot.boundingBox();
  expect(box).not.toBeNull();
  if (box) {
    await page.mouse.move(box.x + box.width * 0.6, box.y + 60);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.62, box.y + 60, { steps: 4 });
    await page.mouse.up();
  }
  const closer = () => answers.find(one => one.url.searchParams.has('from'));
  await expect.poll(closer).toBeTruthy();
  const [from, to] = await rangeOf(plot);
  expect(Number(closer()?.url.searchParams.get('from'))).toBe(from);
  expect(Number(closer()?.url.searchParams.get('to'))).toBe(to);
  expect(to - from).toBeLessThan(50_000);
  expect(closer()?.count).toBeGreaterThan(400);
  for (const { size } of answers) {
    expect(size).toBeLessThan(200_000);
  }
  await plot.dblclick();
  await expect.poll(async () => (await rangeOf(plot))[0]).toBe(0);
});

/** What is logged while the comparison is open appears in it. */
test('a run that goes on is followed', async ({ lab, mlops }) => {
  const path = await mlops.notebook('live.ipynb', [
    code(
      'import jupyter_mlops as mlops\nmlops.log(loss=2, step=0)\nmlops.log(loss=1, step=1)'
    ),
    code(gate('go')),
    code('mlops.log(loss=0.5, step=2)'),
    code(gate('end'))
  ]);
  const { id } = await mlops.submit(path, { name: 'live' });
  await expect
    .poll(async () => (await mlops.job(id)).metrics, { timeout: 60_000 })
    .toEqual({ loss: 1 });
  const run = (await mlops.job(id)).tracking.run_id ?? '';
  const view = await compare(lab, [run]);
  await view.getByRole('tab', { name: 'Charts' }).click();
  const plot = plotOf(view, 'loss');
  await expect.poll(() => rangeOf(plot)).toEqual([0, 1]);
  await expect(view.getByRole('img', { name: 'Running' })).toBeVisible();
  await mlops.open('go');
  await expect.poll(() => rangeOf(plot)).toEqual([0, 2]);
  await mlops.open('end');
  await expect(view.getByRole('img', { name: 'Finished' })).toBeVisible();
});
