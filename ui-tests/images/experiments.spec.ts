import { join } from 'path';

import { seeded } from '../tests/seeded';
import { expect, test } from '../tests/support';

const IMAGES = join(__dirname, '../../docs/images');

test.describe.configure({ timeout: 700_000 });

for (const theme of ['light', 'dark'] as const) {
  test(theme, async ({ page, lab, mlops }) => {
    const shot = async (name: string) => {
      await page.mouse.move(1, 1);
      await page.addStyleTag({ content: '.Toastify { display: none; }' });
      await page.evaluate(() => document.fonts.ready);
      await page.waitForTimeout(500);
      await page.screenshot({ path: join(IMAGES, `${name}-${theme}.png`) });
    };
    const experiment = await seeded(mlops);
    await page.theme.setTheme(`JupyterLab ${theme === 'light' ? 'Light' : 'Dark'}`);
    await lab.command('mlops:show-experiments');
    await lab.command('mlops:open-runs', { experiment });
    await page.locator(`[data-mlops-experiment="${experiment}"]`).click();
    await expect(page.locator('.jp-mlops-line-run').first()).toBeVisible();
    await page.getByRole('columnheader', { name: 'accuracy', exact: true }).click();
    await expect(page.locator('.jp-mlops-sparkline path').first()).toBeVisible();
    for (const row of [1, 3, 4]) {
      await page.locator('.jp-mlops-grid-check').nth(row).click();
    }
    await expect(page.getByText('3 runs selected')).toBeVisible();
    await page.waitForTimeout(1500);
    await shot('experiments');

    await page.getByRole('button', { name: 'Clear' }).click();
    await page.getByRole('button', { name: 'Group', exact: true }).click();
    const groups = page.getByRole('dialog', { name: 'Group by' });
    await groups.getByRole('searchbox').fill('lr');
    await groups.getByRole('button', { name: 'lr', exact: true }).click();
    await expect(page.locator('.jp-mlops-grid-group')).toHaveCount(5);
    await page.locator('.jp-mlops-grid-group').first().click();
    await expect(page.locator('.jp-mlops-sparkline path').first()).toBeVisible();
    await page.waitForTimeout(1500);
    await shot('groups');
  });
}
