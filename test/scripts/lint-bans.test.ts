import {join} from 'node:path';
import {expect} from 'chai';
import {ESLint} from 'eslint';
import tseslint from 'typescript-eslint';

const root = join(import.meta.dirname, '../..');

/** A line of code, the file it stands in, and the rule that must refuse it; none where it is allowed. */
const lines: [file: string, line: string, rule?: string][] = [
  [
    'src/vault/a.ts',
    `import {spawn} from 'node:child_process'; spawn('/bin/true');`,
    '@typescript-eslint/no-restricted-imports',
  ],
  ['src/vault/a.ts', `import type {ChildProcess} from 'node:child_process'; export type Mine = ChildProcess;`],
  ['src/kernel/program.ts', `import {spawn} from 'node:child_process'; spawn('/bin/true');`],
  ['src/kernel/program.ts', `import {spawn} from 'child_process'; spawn('/bin/true');`, 'no-restricted-imports'],
  ['src/kernel/program.ts', `import {execSync} from 'node:child_process'; execSync('true');`, 'no-restricted-syntax'],
  [
    'scripts/a.js',
    `import * as children from 'node:child_process'; children.execSync('true');`,
    'no-restricted-syntax',
  ],
  ['test/a.test.ts', `import {execFileSync} from 'node:child_process'; execFileSync('true');`, 'no-restricted-syntax'],
  ['src/vault/a.ts', `console.log(1);`, 'no-console'],
  ['src/vault/a.ts', `export const home = process.env['HOME'];`, 'no-restricted-properties'],
  ['src/config/a.ts', `export const home = process.env['HOME'];`],
  ['src/vault/a.ts', `export const key = Math.random();`, 'no-restricted-properties'],
  ['test/a.test.ts', `export const key = Math.random();`, 'no-restricted-properties'],
  ['src/contract/a.ts', `export const value = 1;`, 'no-restricted-syntax'],
  ['src/contract/a.ts', `export type Value = {readonly name: string}; export interface Backend {list(): Value[]}`],
];

describe('The linter', () => {
  // What needs types needs the file to be there, and no ban needs types.
  const eslint = new ESLint({cwd: root, overrideConfig: tseslint.configs.disableTypeChecked as never});

  for (const [file, line, rule] of lines) {
    it(`${rule === undefined ? 'allows' : `refuses (${rule})`} in ${file}: ${line}`, async () => {
      const [result] = await eslint.lintText(`${line}\n`, {filePath: join(root, file)});
      const rules = new Set(result!.messages.map((message) => message.ruleId));
      expect([...rules]).to.deep.equal(rule === undefined ? [] : [rule]);
    });
  }
});
