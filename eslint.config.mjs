import js from '@eslint/js';
import jupyter from '@jupyter/eslint-plugin';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  {
    ignores: [
      '**/node_modules/',
      '**/lib/',
      '**/*.js',
      'labextension/src/api/schema.d.ts', // generated from docs/openapi.json
      'server_ext/',
      'coverage/'
    ]
  },
  {
    files: ['labextension/src/**/*.{ts,tsx}', 'ui-tests/**/*.ts'],
    extends: [
      js.configs.recommended,
      ...tseslint.configs.strictTypeChecked,
      ...tseslint.configs.stylisticTypeChecked
    ],
    languageOptions: {
      parserOptions: {
        project: ['labextension/tsconfig.test.json', 'ui-tests/tsconfig.json'],
        tsconfigRootDir: import.meta.dirname
      }
    },
    rules: {
      '@typescript-eslint/no-confusing-void-expression': [
        'error',
        { ignoreArrowShorthand: true }
      ],
      // Without noUncheckedIndexedAccess it calls needed checks of index access needless.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // Lumino groups a class's options with it in a namespace.
      '@typescript-eslint/no-namespace': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // A signal's connect takes the `this` of its slot.
      '@typescript-eslint/unbound-method': 'off'
    }
  },
  { plugins: { jupyter } },
  ...jupyter.configs.recommended
);
