const jestJupyterLab = require('@jupyterlab/testutils/lib/jest-config');

// Published as ES modules only: transformed like our own code.
const esModules = [
  '@codemirror',
  '@jupyter',
  '@microsoft',
  'exenv-es6',
  'lib0',
  'marked',
  'nanoid',
  'vscode-ws-jsonrpc',
  'y-protocols',
  'y-websocket',
  'yjs'
].join('|');

const baseConfig = jestJupyterLab(__dirname);

module.exports = {
  ...baseConfig,
  rootDir: __dirname,
  reporters: ['default'],
  testRegex: 'src/.*\\.spec\\.tsx?$',
  transform: {
    ...baseConfig.transform,
    // Types are tsc's work (`jlpm types`).
    '^.+\\.tsx?$': ['ts-jest/legacy', { tsconfig: '<rootDir>/tsconfig.test.json' }],
    '^.+\\.jsx?$': [
      'babel-jest',
      { configFile: require.resolve('@jupyterlab/testutils/lib/babel.config') }
    ]
  },
  transformIgnorePatterns: [`/node_modules/(?!${esModules}).+`]
};
