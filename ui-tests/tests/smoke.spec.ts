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

/** The Jupyter server has its half of the extension, and reaches the daemon through it. */
test('the daemon answers through the Jupyter server', async ({ page, baseURL }) => {
  const answer = await page.request.get(`${baseURL ?? ''}/mlops/api/v1/status`);
  expect(answer.status()).toBe(200);
});
