// The files of an installed TazPod, as the .deb and the tarball carry them: what npm would publish, the packages that it
// needs, a Node of its own, and a bill of materials.
import {spawnSync} from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {projectNode, root} from '../setup.js';
import {SetUpError} from '../terminal.js';
import {bundledPackages} from '../bundle.js';
import {billOfMaterials} from './bill-of-materials.js';
import {neededPackages} from './locked-packages.js';

/** What no program reads at run time. */
const unneeded = /(\.(d\.[cm]?ts|map|md|markdown|flow|tsbuildinfo)|\/(test|tests|__tests__|\.github))$/i;

/** What npm brings for people, not for programs. */
const npmForPeople = /\/node_modules\/npm\/(docs|man|html)(\/|$)/;

/**
 * Lays the files out in a new directory.
 *
 * @param {string} directory where they go; made here
 * @returns {{version: string, packages: number, sizeBytes: number}}
 */
export function layOut(directory) {
  mkdirSync(directory, {recursive: true});
  unpackPublished(directory);
  const packages = neededPackages('');
  for (const path of packages) {
    copyPackage(join(root, path), join(directory, path));
  }
  copyNode(join(directory, 'node_modules/node'));
  cpSync(join(root, 'packaging/tazpod'), join(directory, 'bin/tazpod'));
  const {version} = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  writeFileSync(
    join(directory, 'sbom.cdx.json'),
    `${JSON.stringify(billOfMaterials([...packages, ...bundledPackages()]), undefined, 2)}\n`,
  );
  run('chmod', ['-R', 'u=rwX,go=rX', directory]);
  for (const name of ['tazpod', 'tazpod-ghost', 'run.js']) chmodSync(join(directory, 'bin', name), 0o755);
  return {version, packages: packages.length, sizeBytes: sizeOf(directory)};
}

/** @param {string} directory */
function unpackPublished(directory) {
  const folder = mkdtempSync(join(tmpdir(), 'tazpod-published-'));
  try {
    const npm = join(root, 'node_modules/npm/bin/npm-cli.js');
    const args = ['pack', '--ignore-scripts', '--json', '--loglevel=error', '--pack-destination', folder];
    const packed = run(projectNode(), [npm, ...args], {HOME: folder, npm_config_cache: join(folder, 'cache')});
    const [{filename}] = JSON.parse(packed);
    run('tar', ['-xzf', join(folder, filename), '-C', directory, '--strip-components=1', '--no-same-owner']);
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
}

/**
 * @param {string} from
 * @param {string} to
 */
function copyPackage(from, to) {
  mkdirSync(dirname(to), {recursive: true});
  cpSync(from, to, {
    recursive: true,
    dereference: true,
    filter: (path) => {
      const inside = path.slice(from.length);
      // Packages nested in this one stand in the list by themselves.
      return !inside.includes('/node_modules') && !unneeded.test(inside) && !npmForPeople.test(path);
    },
  });
}

/** @param {string} to */
function copyNode(to) {
  mkdirSync(join(to, 'bin'), {recursive: true});
  cpSync(projectNode(), join(to, 'bin/node'), {dereference: true});
  const {version} = JSON.parse(readFileSync(join(root, 'node_modules/node/package.json'), 'utf8'));
  writeFileSync(join(to, 'package.json'), `${JSON.stringify({name: 'node', version, bin: {node: 'bin/node'}})}\n`);
}

/** @param {string} path */
function sizeOf(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.size;
  /** @type {number} */
  const sum = readdirSync(path).reduce((total, name) => total + sizeOf(join(path, name)), 0);
  return sum;
}

/**
 * Runs a program to its end and returns what it has printed.
 *
 * @param {string} program
 * @param {string[]} args
 * @param {Record<string, string>} [environment] added to this process's
 */
export function run(program, args, environment = {}) {
  const {status, stdout, stderr} = spawnSync(program, args, {
    cwd: root,
    encoding: 'utf8',
    env: {...process.env, ...environment},
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status === 0) return stdout;
  throw new SetUpError(70, `${stdout}${stderr}\nThis failed: ${program} ${args.join(' ')}`);
}
