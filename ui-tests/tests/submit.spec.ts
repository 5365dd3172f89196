import { code, expect, gate, markdown, parameters, test } from './support';

/** The first journey: from the toolbar's button to the executed notebook. */
test('a notebook runs from the toolbar with a changed parameter, and grows', async ({
  page,
  lab,
  mlops
}) => {
  const path = await mlops.notebook('train.ipynb', [
    markdown('# Training'),
    parameters('lr = 0.1  # learning rate\nrounds = 3'),
    code(`print("lr is", lr, flush=True)\n${gate('go')}\nprint("over the gate")`),
    code('rounds * 14')
  ]);
  await lab.openNotebook(path);
  await page.locator('[data-jp-item-name="jupyter-mlops-run"]').click();
  await lab.form.getByLabel('lr', { exact: true }).fill('0.5');
  await expect(lab.form.getByText('float · learning rate')).toBeVisible();
  await lab.form.getByRole('button', { name: 'Run', exact: true }).click();

  await expect(lab.form).toHaveCount(0);
  await expect(lab.state).toHaveText('Running');
  await expect(lab.output('lr is 0.5')).toBeVisible();
  await expect(lab.document.locator('[data-mlops-status="running"]')).toHaveCount(1);
  await expect(lab.output('over the gate')).toHaveCount(0);
  await expect(page.getByRole('button', { name: '1 job queued or running' })).toBeVisible();

  await mlops.open('go');
  await expect(lab.state).toHaveText('Succeeded');
  await expect(lab.output('over the gate')).toBeVisible();
  await expect(lab.output('42')).toBeVisible();
  await expect(lab.toast('train succeeded')).toBeVisible();
  // Read-only: typing into a cell changes nothing.
  const cell = lab.document.locator('.cm-content').last();
  await cell.click();
  await page.keyboard.type('broken');
  await expect(cell).toHaveText('rounds * 14');

  await lab.document.getByRole('button', { name: 'Open executed notebook' }).click();
  const output = page.locator('.jp-NotebookPanel:visible');
  await expect(output.getByText('lr is 0.5')).toBeVisible();
  const job = await mlops.newest('train');
  expect(job.contents.output_notebook).toContain(`train-${job.id}/train.ipynb`);
});

/** The other ways in: Run menu, file browser, palette. */
test('"Run as Job…" is in the Run menu, the file browser and the palette', async ({
  page,
  lab,
  mlops
}) => {
  const path = await mlops.notebook('menu.ipynb', [code('1')]);
  await page.filebrowser.openDirectory(mlops.folder);
  await page.locator('.jp-DirListing-item', { hasText: 'menu.ipynb' }).click({
    button: 'right'
  });
  await page.getByRole('menuitem', { name: 'Run as Job…' }).click();
  await expect(lab.form.getByText('Run menu.ipynb as a job')).toBeVisible();
  await lab.form.getByRole('button', { name: 'Cancel' }).click();
  await expect(lab.form).toHaveCount(0);

  await lab.openNotebook(path);
  await page.menu.clickMenuItem('Run>Run as Job…');
  await expect(lab.form.getByText('Run menu.ipynb as a job')).toBeVisible();
  await expect(lab.form.locator(':focus')).toHaveCount(1);
  await page.keyboard.press('Escape');
  await expect(lab.form).toHaveCount(0);

  await page.menu.clickMenuItem('View>Activate Command Palette');
  await page.locator('.lm-CommandPalette-input:visible').fill('Run as Job');
  await page.locator('.lm-CommandPalette-item:visible', { hasText: 'Run as Job…' }).click();
  await expect(lab.form.getByText('Run menu.ipynb as a job')).toBeVisible();
  await expect(lab.form.locator(':focus')).toHaveCount(1);
  await page.keyboard.press('Escape');
  expect((await mlops.get<{ jobs: unknown[] }>('jobs')).jobs).toEqual([]);
});
