import {spawnSync} from 'node:child_process';
import {cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {expect} from 'chai';

const root = join(import.meta.dirname, '../..');

/** A file of the fixture, what it imports, and the rule that must refuse that; none where it is allowed. */
const imports: [file: string, line: string, rule?: string][] = [
  ['src/ghost/main.ts', `import '../engines/fuse/attach.ts';`],
  ['src/ghost/plan.ts', `import '../lifecycle/plan.ts'; import 'node:fs';`],
  ['src/ghost/greedy.ts', `import 'execa';`, 'no-package-runs-as-root'],
  [
    'src/ghost/greedy-type.ts',
    `import type {Options} from 'execa'; export type Mine = Options;`,
    'no-package-runs-as-root',
  ],
  ['src/ghost/talkative.ts', `import '../config/read.ts';`, 'ghost-imports-downwards'],
  ['src/engines/fuse/attach.ts', `import '../../luks/header.ts';`],
  ['src/engines/fuse/upwards.ts', `import '../../ghost/plan.ts';`, 'engines-imports-downwards'],
  ['src/engines/fuse/sideways.ts', `import '../dm-crypt/attach.ts';`, 'engines-stand-alone'],
  ['src/engines/dm-crypt/attach.ts', `import '../../kernel/loop.ts';`],
  ['src/luks/header.ts', `import '../kernel/loop.ts';`],
  ['src/luks/upwards.ts', `import '../engines/fuse/attach.ts';`, 'luks-imports-downwards'],
  ['src/kernel/loop.ts', `import '../lifecycle/plan.ts';`],
  ['src/kernel/upwards.ts', `import '../luks/header.ts';`, 'kernel-imports-downwards'],
  ['src/lifecycle/plan.ts', `import '../foundation/failure.ts'; export const plan = 1;`],
  ['src/lifecycle/upwards.ts', `import '../kernel/loop.ts';`, 'lifecycle-imports-downwards'],
  ['src/lifecycle/greedy.ts', `import 'listr2';`, 'no-package-runs-as-root'],
  ['src/foundation/failure.ts', `import 'node:fs'; export class Failure {}`],
  ['src/foundation/upwards.ts', `import '../lifecycle/plan.ts';`, 'foundation-imports-downwards'],
  ['src/foundation/greedy.ts', `import 'listr2';`, 'no-package-runs-as-root'],
  ['src/commands/vault/unlock.ts', `import '../../vault/open.ts'; import '@oclif/core';`],
  ['src/commands/vault/lock.ts', `import '../../ghost/plan.ts';`, 'commands-imports-downwards'],
  ['src/commands/vault/create.ts', `import '../../cli/base-command.ts';`],
  ['src/cli/base-command.ts', `import '../vault/open.ts'; import './prompt/ask.ts'; import '@oclif/core';`],
  ['src/cli/upwards.ts', `import '../commands/vault/unlock.ts';`, 'cli-imports-downwards'],
  ['src/cli/prompt/ask.ts', `import '../wrap.ts';`],
  ['src/cli/wrap.ts', `import 'node:util';`],
  ['src/cli/report/upwards.ts', `import '../base-command.ts';`, 'drawing-knows-no-command'],
  ['src/vault/drawing.ts', `import '../cli/wrap.ts';`, 'vault-imports-downwards'],
  ['src/vault/open.ts', `import '../kernel/loop.ts'; import 'listr2';`],
  ['src/vault/upwards.ts', `import '../commands/vault/unlock.ts';`, 'vault-imports-downwards'],
  ['src/vault/privileged.ts', `import '../engines/fuse/attach.ts';`, 'vault-imports-downwards'],
  ['src/secrets/pull.ts', `import '../config/read.ts';`],
  ['src/secrets/pull/pull.ts', `import '../installed/install.ts';`],
  ['src/secrets/installed/install.ts', `import '../mapping/mapping.ts'; import 'node:fs';`],
  ['src/secrets/installed/upwards.ts', `import '../pull/pull.ts';`, 'secrets-installed-imports-downwards'],
  ['src/secrets/mapping/mapping.ts', `import '../../config/read.ts'; import 'node:path';`],
  ['src/secrets/mapping/curious.ts', `import 'node:fs';`, 'mapping-is-pure'],
  ['src/secrets/helpers/drawer.ts', `import '../../config/read.ts';`, 'secrets-rooms-are-known'],
  ['src/secrets/sideways.ts', `import '../vault/open.ts';`, 'secrets-imports-downwards'],
  [
    'src/config/read.ts',
    `import '../foundation/failure.ts'; import type {Backend} from '../contract/backend.ts'; export type Mine = Backend;`,
  ],
  ['src/config/upwards.ts', `import '../extensions/load.ts';`, 'config-imports-downwards'],
  ['src/config/value.ts', `import '../contract/backend.ts';`, 'contract-is-types-only'],
  ['src/config/tester.ts', `import 'chai';`, 'no-development-package'],
  ['src/config/lost.ts', `import './nowhere.ts';`, 'nothing-unresolved'],
  ['src/extensions/load.ts', `import '../config/read.ts';`],
  ['src/contract/backend.ts', `export type Backend = string;`],
  ['src/contract/curious.ts', `import '../lifecycle/plan.ts';`, 'contract-stands-alone'],
  ['src/update/round.ts', `import './trip.ts';`, 'no-cycles'],
  ['src/update/trip.ts', `import './round.ts';`, 'no-cycles'],
  ['src/shell/alone.ts', `export const alone = 1;`, 'no-orphans'],
  ['src/utils/drawer.ts', `import '../lifecycle/plan.ts';`, 'rooms-are-known'],
  ['plugin-kit/sideways.ts', `import '../src/config/read.ts';`, 'the-plugin-kit-knows-the-contract-only'],
  ['bin/run.js', `import 'node:fs';`],
];

type Violation = {cycle?: {name: string}[]; from: string; rule: {name: string}};

describe('The import rules', () => {
  let folder: string;
  /** File → the names of the rules that it breaks. */
  const reported = new Map<string, string[]>();

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'tazpod-rules-'));
    for (const name of ['.dependency-cruiser.js', 'package.json', 'tsconfig.json', 'tsconfig.check.json'])
      cpSync(join(root, name), join(folder, name));
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
    for (const [file, line] of imports) {
      mkdirSync(dirname(join(folder, file)), {recursive: true});
      writeFileSync(join(folder, file), `${line}\n`);
    }
    const cruiser = join(root, 'node_modules/.bin/depcruise');
    const args = [cruiser, '--config', '.dependency-cruiser.js', '--output-type', 'json', 'src', 'bin', 'plugin-kit'];
    const {stdout} = spawnSync(process.execPath, args, {cwd: folder, encoding: 'utf8', maxBuffer: 2 ** 25});
    const {summary} = JSON.parse(stdout) as {summary: {violations: Violation[]}};
    for (const {cycle, from, rule} of summary.violations) {
      // A cycle is reported once, from one of its files.
      for (const file of cycle?.map(({name}) => name) ?? [from]) {
        reported.set(file, [...new Set([...(reported.get(file) ?? []), rule.name])]);
      }
    }
  });

  after(() => {
    rmSync(folder, {recursive: true, force: true});
  });

  for (const [file, line, rule] of imports) {
    it(`${rule === undefined ? 'allow' : `refuse (${rule})`} in ${file}: ${line}`, () => {
      expect(reported.get(file) ?? []).to.deep.equal(rule === undefined ? [] : [rule]);
    });
  }
});
