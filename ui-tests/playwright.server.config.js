// `make test-ui-server`: JupyterLab at a tracking server, as a team has one.
const config = require('./playwright.config');

const port = process.env.JUPYTER_MLOPS_UI_SERVER_PORT ?? '18890';

module.exports = {
  ...config,
  testDir: './server',
  reporter: [['list']],
  use: { ...config.use, baseURL: `http://127.0.0.1:${port}` },
  webServer: {
    ...config.webServer,
    command: `JUPYTER_MLOPS_UI_PORT=${port} jupyter lab --config jupyter_server_tracking_config.py`,
    url: `http://127.0.0.1:${port}/api`,
    timeout: 300000
  }
};
