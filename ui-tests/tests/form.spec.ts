import { code, expect, parameters, test } from './support';

/** One look, every mistake; and what was typed is still there. */
test('the form shows all problems at once, beside their fields', async ({
  page,
  lab,
  mlops
}) => {
  const path = await mlops.notebook('train.ipynb', [
    parameters('layers = [64, 64]  # units\nlr = 0.1\nshuffle = True  # mix\nname = "a"'),
    code('layers')
  ]);
  await lab.openForm(path);
  const { form } = lab;
  await expect(form.getByLabel('shuffle')).toBeChecked();
  await form.getByLabel('layers').fill('[64, ');
  await form.getByText('More options').click();
  await form.getByLabel('Retries').fill('99');
  await form.getByLabel('Timeout').fill('soon');
  await form.getByLabel('Environment').fill('MY KEY=1');
  await form.getByRole('button', { name: 'Run', exact: true }).click();

  const problem = (label: string) =>
    form
      .locator('.jp-mlops-field', { has: page.getByLabel(label) })
      .locator('.jp-mlops-field-error');
  await expect(problem('layers')).toContainText('Not JSON');
  await expect(problem('Retries')).toContainText('20');
  await expect(problem('Timeout')).toContainText('30m');
  await expect(problem('Environment')).toContainText('MY KEY');
  await expect(form.locator('.jp-mlops-field-error')).toHaveCount(4);
  await expect(form.getByLabel('layers')).toBeFocused();
  await expect(form.getByLabel('Retries')).toHaveAttribute('aria-invalid', 'true');
  await expect(form.getByLabel('lr', { exact: true })).toHaveAttribute(
    'aria-invalid',
    'false'
  );
  expect((await mlops.get<{ jobs: unknown[] }>('jobs')).jobs).toEqual([]);

  await form.getByLabel('layers').fill('[1, 2]');
  await form.getByLabel('Retries').fill('1');
  await form.getByLabel('Timeout').fill('2m');
  await form.getByLabel('Environment').fill('MY_KEY=1');
  await form.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(form).toHaveCount(0);
  const job = await mlops.newest('train');
  expect(job.spec).toMatchObject({
    parameters: { layers: [1, 2] },
    retries: 1,
    timeout: 120,
    env: { MY_KEY: '1' }
  });
});

/** Without declared parameters there is a word about how to declare them. */
test('the form teaches how to declare parameters', async ({ lab, mlops }) => {
  const path = await mlops.notebook('plain.ipynb', [code('1')]);
  await lab.openForm(path);
  await expect(lab.form.getByText('This notebook declares no parameters')).toBeVisible();
  await lab.form.getByRole('button', { name: 'Run', exact: true }).click();
  await expect(lab.state).toHaveText('Succeeded');
});
