import {builtinModules} from 'node:module';
import eslint from '@eslint/js';
import {defineConfig} from 'eslint/config';
import tseslint from 'typescript-eslint';

/** The files that start processes. Each runs programs by absolute path with an environment it names. */
/** The CLI starts sudo and the ghost itself: they get its environment, its terminal and its working directory. */
const mayStartProcesses = ['src/kernel/program.ts', 'src/vault/{escalation,start-ghost}.ts'];

/** The files of src/ that read the environment; they pass it on to the rest. */
const mayReadEnvironment = [
  'src/ghost/caller.ts',
  'src/ghost/enter.ts',
  'src/cli/{base-command,key-source}.ts',
  'src/config/**',
  'src/doctor/context.ts',
  'src/vault/{escalation,exact-words,open-vault,plan-folder,runtime-folder,session-plan,users-shell}.ts',
  'src/**/environment.ts',
  'src/secrets/environment/user-environment.ts',
];

const bareBuiltins = builtinModules
  .filter((name) => !name.startsWith('node:'))
  .map((name) => ({name, message: `Say node:${name}.`}));

const childProcess = {
  name: 'node:child_process',
  allowTypeImports: true,
  message:
    'System programs go through run() of src/kernel/program.ts. Who may start processes stands in eslint.config.js.',
};

const environment = {
  object: 'process',
  property: 'env',
  message: 'The environment is read in few places, which stand in eslint.config.js.',
};

const random = {object: 'Math', property: 'random', message: 'Take node:crypto.'};

const synchronous = {
  selector: ':matches(Identifier, ImportSpecifier > Identifier)[name=/^exec(File)?Sync$|^execSync$/]',
  message: 'A shell, or a process that is waited for with everything stopped: take run() or spawn().',
};

/** Sentences that are read together: see rule 12 of docs/STYLE.md. */
const scatteredFailure = {
  selector: 'NewExpression[callee.name="Failure"]',
  message: 'A failure is a function of the failures.ts of its directory.',
};

const scatteredFailureOfPlugin = {
  selector: 'CallExpression[callee.name="failure"]',
  message: 'A failure is a function of the plugin’s failures.ts.',
};

export default defineConfig(
  {ignores: ['**/node_modules/', '**/dist/', 'build/', 'coverage/']},
  eslint.configs.recommended,
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: {parserOptions: {project: './tsconfig.check.json', tsconfigRootDir: import.meta.dirname}},
    linterOptions: {reportUnusedDisableDirectives: 'error'},
    rules: {
      eqeqeq: 'error',
      'no-restricted-imports': ['error', {paths: bareBuiltins}],
      'no-restricted-properties': ['error', random],
      'no-restricted-syntax': ['error', synchronous],
      'object-shorthand': 'error',
      'prefer-const': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      // `!` marks a value that an index must have, and a template shows numbers.
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', {allowNumber: true, allowBoolean: true}],
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-unused-vars': ['error', {argsIgnorePattern: '^_', varsIgnorePattern: '^_'}],
      // An engine or a plugin may answer at once what its interface lets it promise.
      '@typescript-eslint/require-await': 'off',
    },
  },
  {
    files: ['src/**'],
    rules: {
      'no-console': 'error',
      '@typescript-eslint/no-restricted-imports': ['error', {paths: [childProcess]}],
      'no-restricted-properties': ['error', random, environment],
    },
  },
  {
    files: ['src/**'],
    ignores: ['src/*/failures.ts', 'src/foundation/failure.ts'],
    rules: {'no-restricted-syntax': ['error', synchronous, scatteredFailure]},
  },
  {
    files: ['plugins/*/src/**'],
    ignores: ['plugins/*/src/failures.ts'],
    rules: {'no-restricted-syntax': ['error', synchronous, scatteredFailureOfPlugin]},
  },
  {files: mayStartProcesses, rules: {'@typescript-eslint/no-restricted-imports': 'off'}},
  {files: mayReadEnvironment, rules: {'no-restricted-properties': ['error', random]}},
  {
    files: ['src/contract/**'],
    rules: {
      'no-restricted-syntax': [
        'error',
        {
          selector: ':matches(VariableDeclaration, FunctionDeclaration, ClassDeclaration):not([declare=true])',
          message: 'The contract is types only.',
        },
      ],
    },
  },
  {
    files: ['test/**'],
    rules: {
      // chai's assertions are expressions, and a property-based test proves a type wrong on purpose.
      '@typescript-eslint/no-unused-expressions': 'off',
    },
  },
  {
    files: ['**/*.js'],
    languageOptions: {
      globals: {
        process: 'readonly',
        URL: 'readonly',
        console: 'readonly',
        setInterval: 'readonly',
        clearInterval: 'readonly',
      },
    },
    rules: {
      // JSON.parse and oclif's package.json have no type in a script; what they are used for is checked by the tests.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
);
