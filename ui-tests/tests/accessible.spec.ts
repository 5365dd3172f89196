import AxeBuilder from '@axe-core/playwright';

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
    const faults = async (part: string) => {
      const found = await new AxeBuilder({ page })
        .include(part)
        .exclude('.jp-Notebook')
        .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'])
        .analyze();
      return found.violations.flatMap(({ id: rule, nodes }) =>
        nodes.map(node => `${rule}: ${node.html.slice(0, 200)}`)
      );
    };
    await lab.showPanel();
    await expect(lab.row('train')).toBeVisible();
    expect(await faults('.jp-mlops-jobsPanel')).toEqual([]);
    await lab.openJob(id);
    await expect(lab.state).toHaveText('Failed');
    for (const tab of ['Notebook', 'Log', 'Parameters', 'Details']) {
      await lab.document.getByRole('tab', { name: tab }).click();
      expect(await faults('.jp-mlops-job'), tab).toEqual([]);
    }
    await lab.openForm(path);
    await lab.form.getByText('More options').click();
    expect(await faults('.jp-mlops-formBody')).toEqual([]);
    await page.keyboard.press('Escape');
  });
}
