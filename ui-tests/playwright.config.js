const baseConfig = require('@jupyterlab/galata/lib/playwright-config');

const port = process.env.JUPYTER_MLOPS_UI_PORT ?? '18888';
const token = process.env.JUPYTER_MLOPS_UI_TOKEN ?? 'ui-tests';
// The system's browser where there is one (the Makefile finds it), else Playwright's own.
const executablePath = process.env.CHROMIUM_PATH;

module.exports = {
  ...baseConfig,
  testDir: './tests',
  workers: 1,
  // Enough for a machine that does other things as well.
  timeout: 150000,
  expect: { timeout: 30000 },
  retries: process.env.CI ? 1 : 0,
  forbidOnly: !!process.env.CI,
  reporter: [['list'], ['html', { open: 'never' }]],
  use: {
    ...baseConfig.use,
    viewport: { width: 1280, height: 800 },
    baseURL: `http://127.0.0.1:${port}`,
    extraHTTPHeaders: { Authorization: `token ${token}` },
    // Playwright's videos need its own ffmpeg, which a system browser comes without.
    video: executablePath ? 'off' : 'retain-on-failure',
    launchOptions: executablePath
      ? {
          executablePath,
          args: [
            '--no-sandbox',
            '--disable-gpu',
            '--disable-quic',
            '--no-first-run',
            '--disable-background-networking',
            '--disable-component-update',
            '--disable-sync'
          ]
        }
      : {}
  },
  webServer: {
    command: 'jlpm start',
    url: `http://127.0.0.1:${port}/api`,
    timeout: 120000,
    gracefulShutdown: { signal: 'SIGTERM', timeout: 30000 },
    reuseExistingServer: !process.env.CI
  }
};
