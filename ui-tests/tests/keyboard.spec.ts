import { code, expect, gate, test } from './support';

/** The whole panel without a pointer. */
test('jobs are opened, cancelled and deleted from the keyboard', async ({
  page,
  lab,
  mlops
}) => {
  const quick = await mlops.notebook('quick.ipynb', [code('"done"')]);
  const slow = await mlops.notebook('slow.ipynb', [code(gate('never'))]);
  const done = await mlops.submit(quick);
  await mlops.reaches(done.id, 'succeeded');
  await mlops.submit(slow);
  await lab.showPanel();
  await expect(lab.row('slow')).toContainText('Running');

  await page.keyboard.press('Control+Shift+c');
  await page.locator('.lm-CommandPalette-input').press('Escape');
  await lab.panel.getByRole('searchbox').focus();
  // Five states, the grouping, the list.
  for (let step = 0; step < 7; step++) {
    await page.keyboard.press('Tab');
  }
  await expect(lab.list).toBeFocused();
  await expect(lab.row('slow')).toHaveClass(/jp-mod-active/);
  await expect(lab.row('slow').getByRole('button', { name: 'Cancel' })).toBeVisible();
  await page.keyboard.press('ArrowDown');
  await expect(lab.row('quick')).toHaveClass(/jp-mod-active/);
  await page.keyboard.press('Enter');
  await expect(lab.document.getByRole('heading', { level: 2 })).toHaveText('quick');
  await expect(lab.document.getByRole('tab', { name: 'Notebook' })).toBeFocused();
  await page.keyboard.press('ArrowRight');
  await expect(lab.document.getByRole('tab', { name: 'Log' })).toHaveAttribute(
    'aria-selected',
    'true'
  );

  await lab.list.focus();
  await page.keyboard.press('Shift+F10');
  await expect(
    page.getByRole('menuitem', { name: 'Rerun Job', exact: true })
  ).toBeVisible();
  await page.keyboard.press('Escape');
  await lab.list.focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('Delete');
  await expect(lab.row('slow').getByRole('img', { name: 'Cancelled' })).toBeVisible();
  await page.keyboard.press('Space');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Space');
  await expect(lab.panel.getByText('2 jobs selected')).toBeVisible();
  await page.keyboard.press('Delete');
  await expect(lab.panel.locator('[data-mlops-job]')).toHaveCount(0);
  await expect(lab.toast('2 jobs deleted')).toBeVisible();
});
