import { code, expect, gate, test } from './support';

/** A cell becomes a job; its card is live, and acts while the kernel is busy with the next cell. */
test('a cell runs as a job and is cancelled from its card while the kernel is busy', async ({
  page,
  lab,
  mlops
}) => {
  const path = await mlops.notebook('explore.ipynb', [
    code('%load_ext jupyter_mlops\nrounds = 3'),
    code(
      '%%mlops run --with rounds --detach\nimport time\nprint("rounds:", rounds, flush=True)\ntime.sleep(300)'
    ),
    code(`print("busy", flush=True)\n${gate('go')}\nprint("free")`)
  ]);
  await lab.openNotebook(path);
  await expect(page.getByText('Python 3 (ipykernel) | Idle')).toBeVisible();
  await lab.command('notebook:run-all-cells');
  const notebook = page.locator('.jp-NotebookPanel:visible');
  const card = notebook.locator('.jp-mlops-card');
  await expect(card).toContainText('rounds: 3', { timeout: 60_000 });
  await expect(
    notebook.locator('.jp-OutputArea-output', { hasText: 'busy' })
  ).toBeVisible();
  await card.getByRole('button', { name: 'Cancel' }).click();
  await expect(card).toContainText('Cancelled');
  const [job] = (await mlops.get<{ jobs: { id: string; state: string }[] }>('jobs')).jobs;
  expect(job.state).toBe('cancelled');
  await mlops.open('go');
  await expect(
    notebook.locator('.jp-OutputArea-output', { hasText: 'free' })
  ).toBeVisible();
});
