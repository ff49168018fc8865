// Makes dist/, what users run, from the modules in build/: a program of ours and what it imports are one file, since Node
// takes as long to find a hundred modules as to run them. The packages that the CLI is made of go into it as well.
import {spawnSync} from 'node:child_process';
import {cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join, relative} from 'node:path';
import {projectNode, root} from './setup.js';
import {SetUpError} from './terminal.js';

/** Programs that the ghost starts, and the ghost: each is one file that shares nothing with the CLI. */
const programs = [
  'ghost/main.js',
  'ghost/session/launch.js',
  'ghost/bridges/bridge-worker.js',
  'strength/judge.js',
  'engines/fuse/server-process.js',
  'engines/fuse/block-worker.js',
  'engines/fuse/orphan-watch.js',
];

/** What oclif looks for when it wants to run TypeScript: nobody's here. */
const neverNeeded = ['typescript'];

/** Packages of the CommonJS kind ask for Node's modules by `require`, which a module does not have. */
const requireForPackages =
  "import {createRequire as requireForPackages} from 'node:module'; const require = requireForPackages(import.meta.url);";

const options = ['--bundle', '--platform=node', '--format=esm', '--target=node22.15', '--legal-comments=none'];

/** Where the names of the packages that are in the bundle are kept, for the bill of materials. */
const bundledPath = join(root, 'build', 'bundled-packages.json');

/**
 * Fills dist/ anew.
 *
 * @throws {SetUpError} 70 with the bundler's words
 */
export function bundle() {
  rmSync(join(root, 'dist'), {recursive: true, force: true});
  const commands = filesBelow(join(root, 'build/commands')).filter((path) => path.endsWith('.js'));
  const hooks = filesBelow(join(root, 'build/hooks')).filter((path) => path.endsWith('.js'));
  const cli = [...commands, ...hooks].map((path) => relative(join(root, 'build'), path));
  const inputs = [
    ...esbuild(
      [...cli, 'cli/run.js', 'help/help.js'],
      [
        '--splitting',
        '--chunk-names=cli/[hash]',
        `--banner:js=${requireForPackages}`,
        ...neverNeeded.map((name) => `--external:${name}`),
      ],
    ),
    ...esbuild(programs, []),
  ];
  const packages = [...new Set(inputs.map(packageOf).filter((path) => path !== undefined))].sort();
  writeFileSync(bundledPath, `${JSON.stringify(packages, undefined, 2)}\n`);
  writeFileSync(join(root, 'dist/third-party.txt'), packages.map(notice).join('\n'));
  const contract = readdirSync(join(root, 'build/contract')).filter((name) => name.endsWith('.d.ts'));
  for (const name of contract) cpSync(join(root, 'build/contract', name), join(root, 'dist/contract', name));
}

/**
 * The packages that are in the bundle.
 *
 * @returns {string[]} their directories, relative to the checkout
 */
export function bundledPackages() {
  return JSON.parse(readFileSync(bundledPath, 'utf8'));
}

/**
 * Bundles files of build/ to the same places in dist/.
 *
 * @param {string[]} entries
 * @param {string[]} more options
 * @returns {string[]} the files that went in, relative to the checkout
 */
function esbuild(entries, more) {
  const program = join(root, 'node_modules/esbuild-wasm/bin/esbuild');
  const meta = join(root, 'build', '.meta.json');
  const args = [...options, ...more, '--outbase=build', '--outdir=dist', `--metafile=${meta}`, '--log-level=warning'];
  const result = spawnSync(projectNode(), [program, ...entries.map((path) => `build/${path}`), ...args], {
    cwd: root,
    encoding: 'utf8',
  });
  if (result.status !== 0) throw new SetUpError(70, `${result.stdout}${result.stderr}The bundling failed.`);
  const {inputs} = JSON.parse(readFileSync(meta, 'utf8'));
  rmSync(meta);
  return Object.keys(inputs);
}

/**
 * The directory of the package that a file belongs to; undefined for a file of ours.
 *
 * @param {string} path
 */
function packageOf(path) {
  return /^(.*node_modules\/(@[^/]+\/)?[^/]+)\//.exec(path)?.[1];
}

/**
 * What the licence of a package asks for.
 *
 * @param {string} directory
 */
function notice(directory) {
  const {name, version, license} = JSON.parse(readFileSync(join(root, directory, 'package.json'), 'utf8'));
  const file = readdirSync(join(root, directory)).find((each) => /^licen[cs]e/i.test(each));
  const text = file === undefined ? '' : `\n${readFileSync(join(root, directory, file), 'utf8').trim()}\n`;
  return `${name} ${version} (${license})\n${text}\n${'-'.repeat(78)}\n`;
}

/**
 * @param {string} directory
 * @returns {string[]}
 */
function filesBelow(directory) {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, {withFileTypes: true}).flatMap((entry) => {
    const path = join(directory, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}
