// `make images`: the screenshots in docs/images.
const config = require('./playwright.config');

module.exports = {
  ...config,
  testDir: './images',
  reporter: 'list',
  use: { ...config.use, viewport: { width: 1360, height: 860 } }
};
