// `npm run release:version`: raises the versions and writes the changelogs that the files in .changeset/ ask for.
//
// Changesets releases the packages of npm's workspaces, and the core is the root of ours, which is not one of them. So
// the root is listed among them for the time of the run, and the list is put back afterwards.
import {spawnSync} from 'node:child_process';
import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {projectNode, root} from './setup.js';
import {endWith, SetUpError} from './terminal.js';

const changesets = '@changesets/cli@3.0.3';
const path = join(root, 'package.json');
const workspaces = /"workspaces": \[\n/;

await endWith(() => {
  const before = readFileSync(path, 'utf8');
  writeFileSync(path, before.replace(workspaces, '"workspaces": [\n    ".",\n'));
  try {
    npm('exec', '--yes', '--', changesets, 'version');
  } finally {
    writeFileSync(path, readFileSync(path, 'utf8').replace('"workspaces": [\n    ".",\n', '"workspaces": [\n'));
  }
  npm('install', '--package-lock-only', '--ignore-scripts', '--no-audit', '--no-fund');
  npm('run', 'build');
  npm('run', 'manifest');
  return 0;
});

/** @param {string[]} args */
function npm(...args) {
  const program = join(root, 'node_modules/npm/bin/npm-cli.js');
  const {status} = spawnSync(projectNode(), [program, ...args], {cwd: root, stdio: 'inherit'});
  if (status !== 0) throw new SetUpError(70, `This failed: npm ${args.join(' ')}`);
}
