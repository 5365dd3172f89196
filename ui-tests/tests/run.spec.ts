import type { IJupyterLabPageFixture } from '@jupyterlab/galata';
import type { Locator } from '@playwright/test';

import type { RunDetail, RunList } from '../../labextension/src/api/runs';
import { faults } from './axe';
import type { Job, Mlops } from './support';
import { code, expect, gate, parameters, test } from './support';

const IMG = '<img src=x onerror=alert(1)>';

/** The page of a run, named as a person would. */
class RunPage {
  constructor(readonly page: IJupyterLabPageFixture) {}

  get root(): Locator {
    return this.page.locator('.jp-mlops-run:visible');
  }

  get status(): Locator {
    return this.root.locator('.jp-mlops-header-state');
  }

  get view(): Locator {
    return this.root.getByRole('tabpanel');
  }

  async open(run: string): Promise<void> {
    await this.page.evaluate(id => {
      void window.jupyterapp.commands.execute('mlops:open-run', { run: id });
    }, run);
    // The first one may have to wait until MLflow's store is made.
    await expect(this.root.getByRole('tablist')).toBeVisible({ timeout: 90_000 });
  }

  async show(tab: string): Promise<void> {
    await this.root.getByRole('tab', { name: tab }).click();
  }

  button(name: string): Locator {
    return this.root.getByRole('button', { name });
  }

  chart(metric: string): Locator {
    return this.view.locator('figure').filter({ hasText: metric });
  }
}

/** The run of a job, once it is recorded. */
async function runOf(mlops: Mlops, job: Job): Promise<string> {
  await expect
    .poll(async () => (await mlops.job(job.id)).tracking.run_id, { timeout: 60_000 })
    .toBeTruthy();
  return (await mlops.job(job.id)).tracking.run_id ?? '';
}

/** The same with everything that is recorded after the end. */
async function recorded(mlops: Mlops, job: Job): Promise<string> {
  await mlops.reaches(job.id, 'succeeded', 'failed');
  const run = await runOf(mlops, job);
  await expect
    .poll(async () => (await mlops.get<RunDetail>(`runs/${run}`)).run.own_tags, {
      timeout: 60_000
    })
    .toHaveProperty(['mlops.reproducible']);
  return run;
}

/** Followed from the first point to what is recorded after the end, by itself. */
test('a run is followed while its job goes on', async ({ page, mlops, lab }) => {
  test.slow();
  expect(lab).toBeTruthy();
  const path = await mlops.notebook('train.ipynb', [
    parameters('lr = 0.25  # learning rate'),
    code(
      'import mlflow\nfor step in range(3):\n    mlflow.log_metrics({"train/loss": 1 / (step + 1)}, step=step)'
    ),
    code(gate('go')),
    code(
      'mlflow.log_metrics({"train/loss": 0.125}, step=3)\nmlflow.log_metric("final", 0.5)'
    )
  ]);
  const job = await mlops.submit(path);
  const run = await runOf(mlops, job);
  const shown = new RunPage(page);
  await shown.open(run);
  await expect(shown.status).toHaveText('Running');
  await shown.show('Charts');
  await expect(shown.chart('train/loss')).toContainText('0.33333');
  const asked: number[] = [];
  page.on('request', request => {
    if (/api\/v1\/(runs\/|metrics)/.test(request.url())) {
      asked.push(Date.now());
    }
  });
  await page.waitForTimeout(5000);
  expect(asked.length).toBeGreaterThan(0);
  expect(asked.length).toBeLessThanOrEqual(6);

  await mlops.open('go');
  await expect(shown.status).toHaveText('Finished');
  await expect(shown.chart('train/loss')).toContainText('0.125');
  await expect(shown.view.getByText('0.5', { exact: true })).toBeVisible();
  await expect(shown.root.locator('.jp-mlops-badge')).toHaveText(/reproducible/, {
    timeout: 60_000
  });
  await shown.show('Values');
  await expect(
    shown.view.getByRole('grid', { name: 'Parameters' }).getByRole('row')
  ).toContainText(['Name', 'lr0.25']);
  await shown.show('Record');
  await expect(shown.view).toContainText('train.ipynb');
  await expect(shown.view).toContainText('The cells ran in their order');
  await shown.view.getByText(/\d+ packages/).click();
  await shown.view.getByRole('searchbox', { name: 'Search: Packages' }).fill('numpy');
  await expect(shown.view.getByRole('grid', { name: 'Packages' })).toContainText('numpy');
  await shown.show('Lineage');
  await shown.view.getByRole('button', { name: job.id }).click();
  await expect(page.locator('.jp-mlops-job:visible')).toBeVisible();
});

/** Name, favourite, tags and note; a note that another tab has changed isn't written over. */
test('a run is annotated, and two tabs see each other', async ({ page, mlops }) => {
  const path = await mlops.notebook('quick.ipynb', [code('1')]);
  const run = await recorded(mlops, await mlops.submit(path));
  const shown = new RunPage(page);
  await shown.open(run);
  await shown.button('Rename the run').click();
  await shown.root.getByLabel('Name of the run').fill('the best');
  await page.keyboard.press('Enter');
  await expect(shown.root.getByRole('heading', { level: 2 })).toHaveText('the best');
  await expect(page.getByRole('tab', { name: 'the best' })).toBeVisible();
  await shown.button('Add to favourites').click();
  await expect(shown.button('Remove from favourites')).toBeVisible();
  await shown.button('Add a tag').click();
  await shown.root.getByLabel('Tag: name=value').fill('stage=prod');
  await page.keyboard.press('Enter');
  await expect(shown.root.getByRole('group', { name: 'Tags' })).toContainText('stageprod');

  await shown.button('Add a note').click();
  await shown.root.getByRole('textbox', { name: 'Note' }).fill('mine');
  const { note_version } = await mlops.get<RunDetail>(`runs/${run}`);
  await mlops.patch(`runs/${run}`, { note: 'theirs', note_version });
  await shown.button('Save note').click();
  await expect(shown.root.getByRole('alert')).toContainText('theirs');
  await expect(shown.root.getByLabel('Your version')).toHaveValue('mine');
  await shown.button('Put both together').click();
  await shown.button('Save note').click();
  await expect(shown.root.locator('.jp-mlops-note-text')).toHaveText('theirs\n\nmine');
  const { run: now } = await mlops.get<RunDetail>(`runs/${run}`);
  expect([now.name, now.favourite, now.note, now.tags]).toEqual([
    'the best',
    true,
    'theirs\n\nmine',
    { stage: 'prod' }
  ]);
  await shown.button('Remove the tag stage').click();
  await expect(shown.root.getByRole('group', { name: 'Tags' })).not.toContainText('stage');
});

/** Files of every kind are looked at, and none does anything. */
test('artifacts are previewed, and what they hold does nothing', async ({
  page,
  mlops,
  lab
}) => {
  test.slow();
  expect(lab).toBeTruthy();
  const path = await mlops.notebook('files.ipynb', [
    code(
      [
        'import mlflow, base64',
        `page = ${JSON.stringify(`<b>bold</b>${IMG}<script>parent.document.body.dataset.ran = 1</script>`)}`,
        'mlflow.log_text(page, "page.html")',
        "mlflow.log_text(\"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9' onload='alert(4)'><rect width='9' height='9'/></svg>\", \"drawn.svg\")",
        `mlflow.log_text("name,value\\na,${IMG}\\n", "table.csv")`,
        'mlflow.log_text("line\\n" * 200_000, "long.txt")',
        'mlflow.log_dict({"deep": [1, 2]}, "some.json")',
        'open("model.bin", "wb").write(bytes(9))\nmlflow.log_artifact("model.bin")',
        `mlflow.set_tag("${IMG.replace(/[<>=()]/g, '_')}", ${JSON.stringify(IMG)})`,
        `mlflow.log_param("hostile", ${JSON.stringify(IMG)})`
      ].join('\n')
    )
  ]);
  const run = await recorded(mlops, await mlops.submit(path, { name: IMG }));
  const shown = new RunPage(page);
  await shown.open(run);
  await expect(shown.root.getByRole('heading', { level: 2 })).toHaveText(IMG);
  await shown.show('Values');
  await expect(shown.view.getByRole('grid', { name: 'Parameters' })).toContainText(IMG);
  await shown.show('Artifacts');
  const tree = shown.view.getByRole('tree', { name: 'Artifacts' });
  const choose = (name: string) =>
    tree.getByRole('treeitem').filter({ hasText: name }).click();
  await choose('page.html');
  const frame = shown.view.locator('iframe');
  await expect(frame).toHaveAttribute('sandbox', '');
  await expect(shown.view.frameLocator('iframe').getByText('bold')).toBeVisible();
  await choose('drawn.svg');
  await expect(shown.view.getByRole('img', { name: 'drawn.svg' })).toBeVisible();
  await choose('table.csv');
  await expect(shown.view.getByRole('table', { name: 'table.csv' })).toContainText(IMG);
  await choose('long.txt');
  await expect(shown.view).toContainText('The first 262 kB of 1.0 MB');
  await choose('some.json');
  await expect(shown.view.locator('pre')).toContainText('"deep"');
  await choose('model.bin');
  await expect(shown.view).toContainText('There is no preview');
  const downloading = page.waitForEvent('download');
  await shown.view.getByRole('link', { name: 'Download' }).click();
  expect((await downloading).suggestedFilename()).toBe('model.bin');
  // By keyboard: into the folder of the notebook.
  await tree.focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('ArrowDown');
  await expect(tree.getByRole('treeitem').filter({ hasText: 'files.ipynb' })).toBeVisible();
  await choose('files.ipynb');
  await expect(shown.view.locator('.jp-Notebook .jp-Cell')).toHaveCount(1);
  await expect(page.locator('body[data-ran]')).toHaveCount(0);
  await expect(page.locator('img[onerror]')).toHaveCount(0);
});

/** Where a run failed is the first thing that its page says. */
test('a failed run shows its cell and traceback', async ({ page, mlops }) => {
  const path = await mlops.notebook('broken.ipynb', [code('x = 0'), code('1 / x  # here')]);
  const run = await recorded(mlops, await mlops.submit(path));
  const shown = new RunPage(page);
  await shown.open(run);
  await expect(shown.status).toHaveText('Failed');
  const alert = shown.root.getByRole('alert');
  await expect(alert).toContainText('ZeroDivisionError');
  await expect(alert).toContainText('1 / x  # here');
  await expect(alert).toContainText('Cell [2] and traceback');
});

/** The notebook comes back as a copy; what a person made of a copy stays. */
test('the notebook is opened as it was, and run again with changes', async ({
  page,
  mlops,
  lab
}) => {
  test.slow();
  const path = await mlops.notebook('again.ipynb', [
    parameters('lr = 0.25'),
    code('print("lr is", lr)')
  ]);
  const job = await mlops.submit(path, { parameters: { lr: 0.5 } });
  const run = await recorded(mlops, job);
  // The original is another one by now.
  await mlops.notebook('again.ipynb', [code('print("changed since")')]);
  const shown = new RunPage(page);
  await shown.open(run);
  await shown.button('Open the notebook as it was').click();
  const notebook = page.locator('.jp-NotebookPanel:visible');
  await expect(notebook).toContainText('lr is 0.5');
  await expect(
    page.getByRole('tab', { name: `again-${run.slice(0, 8)}.ipynb` })
  ).toBeVisible();
  // JupyterLab itself shouts when a notebook is closed whose kernel is only starting.
  await expect(page.getByText('Python 3 (ipykernel) | Idle')).toBeVisible();
  await page.notebook.close(false);

  await shown.open(run);
  await shown.button('Rerun with changes…').click();
  await expect(lab.form.getByLabel('lr', { exact: true })).toHaveValue('0.5');
  await lab.form.getByRole('button', { name: 'Cancel' }).click();
  await expect(lab.form).toHaveCount(0);
  // Without its job, from the copy.
  await mlops.delete(job.id);
  await shown.button('Rerun with changes…').click();
  await expect(lab.form.getByLabel('lr', { exact: true })).toHaveValue('0.5');
  await page.keyboard.press('Escape');
});

/** Worked in by hand: the page follows a kernel that logs. */
test('an interactive run is followed while its kernel logs', async ({
  page,
  mlops,
  lab
}) => {
  test.slow();
  const path = await mlops.notebook('byhand.ipynb', [
    code(
      'import jupyter_mlops as mlops\nmlops.start(experiment="by hand", name="exploring", params={"depth": 3})\nmlops.log(loss=0.75)\nmlops.log(loss=0.5)'
    ),
    code('mlops.log(loss=0.25)'),
    code('mlops.end()')
  ]);
  await lab.openNotebook(path);
  await page.notebook.runCell(0);
  let run = '';
  await expect
    .poll(
      async () => {
        const { runs } = await mlops.get<RunList>(
          'runs?filter=exploring&order=attributes.start_time:desc'
        );
        run = runs[0]?.id ?? '';
        return runs[0]?.metrics.loss;
      },
      { timeout: 60_000 }
    )
    .toBe(0.5);
  const shown = new RunPage(page);
  await shown.open(run);
  await expect(shown.status).toHaveText('Running');
  await expect(shown.chart('loss')).toContainText('0.5');
  await page.notebook.activate('byhand.ipynb');
  await page.notebook.runCell(1);
  await shown.open(run);
  await expect(shown.chart('loss')).toContainText('0.25');
  await page.notebook.activate('byhand.ipynb');
  await page.notebook.runCell(2);
  await shown.open(run);
  await expect(shown.status).toHaveText('Finished');
  await shown.show('Values');
  await expect(shown.view.getByRole('grid', { name: 'Parameters' })).toContainText('depth');
});

/** A daemon that dies takes no page with it; a window that is loaded again has it still. */
test('the page outlives the daemon and a reload', async ({ page, mlops }) => {
  const path = await mlops.notebook('tough.ipynb', [
    code('import mlflow\nmlflow.log_metric("acc", 0.5)'),
    code(gate('go')),
    code('mlflow.log_metric("acc", 0.875)')
  ]);
  const job = await mlops.submit(path);
  const run = await runOf(mlops, job);
  const shown = new RunPage(page);
  await shown.open(run);
  await expect(shown.root).toContainText('0.5');
  const before = await mlops.get<{ pid: number }>('status');
  process.kill(before.pid, 'SIGKILL');
  await mlops.open('go');
  await expect(shown.status).toHaveText('Finished', { timeout: 60_000 });
  await expect(shown.root).toContainText('0.875');
  await expect(shown.root).not.toContainText('Not connected');
});

/** What isn't there says so, and a second try is offered. */
test('a run that is gone is told about', async ({ page }) => {
  await page.evaluate(() => {
    void window.jupyterapp.commands.execute('mlops:open-run', { run: '0'.repeat(32) });
  });
  const shown = new RunPage(page);
  await expect(shown.root.getByRole('alert')).toContainText('There is no run');
  await expect(shown.button('Try again')).toBeVisible();
});

/** What axe finds at levels A and AA. */
for (const theme of ['Light', 'Dark'] as const) {
  test(`axe finds nothing on the page in ${theme.toLowerCase()}`, async ({
    page,
    mlops
  }) => {
    test.slow();
    const path = await mlops.notebook('axe.ipynb', [
      parameters('lr = 0.1'),
      code(
        'import mlflow\nfor s in range(9):\n    mlflow.log_metric("a/b", s, step=s)\n1 / 0'
      )
    ]);
    const run = await recorded(mlops, await mlops.submit(path));
    await page.theme.setTheme(`JupyterLab ${theme}`);
    const shown = new RunPage(page);
    await shown.open(run);
    await expect(shown.root.locator('.jp-mlops-traceback')).toBeVisible();
    for (const tab of ['Charts', 'Values', 'Artifacts', 'Record', 'Lineage']) {
      await shown.show(tab);
      await page.waitForTimeout(1000);
      expect(await faults(page, '.jp-mlops-run'), tab).toEqual([]);
    }
  });
}
