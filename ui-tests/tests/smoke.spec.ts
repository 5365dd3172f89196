import { expect, test } from '@jupyterlab/galata';

/** JupyterLab starts with every plugin of the extension active. */
test('the extension is loaded', async ({ page }) => {
  const plugins = await page.evaluate(() => {
    const app = window.jupyterapp;
    const ours = app.listPlugins().filter(id => id.startsWith('jupyter-mlops:'));
    return {
      inactive: ours.filter(id => !app.isPluginActivated(id)),
      number: ours.length
    };
  });
  expect(plugins.number).toBeGreaterThan(0);
  expect(plugins.inactive).toEqual([]);
});
