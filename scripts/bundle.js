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
  'ghost/cleaning/main.js',
  'ghost/keys/main.js',
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

/** Of the CLI and the plugins, most is what others have written. What runs as root stays as it can be read. */
const small = ['--minify-whitespace'];

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
  const splitting = ['--splitting', '--chunk-names=cli/[hash]', `--banner:js=${requireForPackages}`];
  const without = neverNeeded.map((name) => `--external:${name}`);
  const outputs = [
    ...esbuild(built([...cli, 'cli/run.js', 'help/help.js']), [...splitting, ...small, ...without, '--outdir=dist']),
    ...esbuild(built(programs), ['--outdir=dist']),
  ];
  const packages = packagesOf(outputs);
  writeFileSync(bundledPath, `${JSON.stringify(packages, undefined, 2)}\n`);
  writeFileSync(join(root, 'dist/third-party.txt'), packages.map(notice).join('\n'));
  const contract = readdirSync(join(root, 'build/contract')).filter((name) => name.endsWith('.d.ts'));
  for (const name of contract) cpSync(join(root, 'build/contract', name), join(root, 'dist/contract', name));
}

/**
 * Fills the dist/ of each plugin anew: one file for each module that its package.json names, with the parts of
 * plugin-kit that it uses. What the plugin depends on stays outside.
 *
 * @param {string[]} directories of plugins, relative to the checkout
 * @throws {SetUpError} 70 with the bundler's words
 */
export function bundlePlugins(directories) {
  const external = new Set();
  const entries = directories.flatMap((directory) => {
    rmSync(join(root, directory, 'dist'), {recursive: true, force: true});
    const {tazpod, dependencies = {}} = JSON.parse(readFileSync(join(root, directory, 'package.json'), 'utf8'));
    for (const name of Object.keys(dependencies)) external.add(`--external:${name}`);
    const kinds = [tazpod.secretBackends, tazpod.shells, tazpod.cleanupStrategies];
    return kinds
      .flatMap((kind) => Object.values(kind ?? {}))
      .map((path) => {
        const name = path.replace(/^(?:[.]\/)?dist\/(.*)[.]js$/, '$1');
        return `${directory}/dist/${name}=${directory}/src/${name}.ts`;
      });
  });
  const outputs = esbuild(entries, [`--banner:js=${requireForPackages}`, ...small, ...external, '--outdir=.']);
  const packages = directories.flatMap((directory) => {
    const names = packagesOf(outputs.filter(({path}) => path.startsWith(`${directory}/`)));
    if (names.length > 0) writeFileSync(join(root, directory, 'dist/third-party.txt'), names.map(notice).join('\n'));
    return names;
  });
  const all = [...new Set([...bundledPackages(), ...packages])].sort();
  writeFileSync(bundledPath, `${JSON.stringify(all, undefined, 2)}\n`);
}

/**
 * The packages that are in the bundle, and in those of the plugins.
 *
 * @returns {string[]} their directories, relative to the checkout
 */
export function bundledPackages() {
  return JSON.parse(readFileSync(bundledPath, 'utf8'));
}

/**
 * @param {string[]} entries
 * @param {string[]} more options
 * @returns {{path: string, inputs: string[]}[]} the files that were made, and what went in, relative to the checkout
 */
function esbuild(entries, more) {
  const program = join(root, 'node_modules/esbuild-wasm/bin/esbuild');
  const meta = join(root, 'build', '.meta.json');
  const args = [...options, ...more, '--outbase=build', `--metafile=${meta}`, '--log-level=warning'];
  const result = spawnSync(projectNode(), [program, ...entries, ...args], {cwd: root, encoding: 'utf8'});
  if (result.status !== 0) throw new SetUpError(70, `${result.stdout}${result.stderr}The bundling failed.`);
  const {outputs} = JSON.parse(readFileSync(meta, 'utf8'));
  rmSync(meta);
  return Object.entries(outputs).map(([path, {inputs}]) => ({path, inputs: Object.keys(inputs)}));
}

/** @param {string[]} paths */
function built(paths) {
  return paths.map((path) => `build/${path}`);
}

/** @param {{inputs: string[]}[]} outputs */
function packagesOf(outputs) {
  const packages = outputs.flatMap(({inputs}) => inputs.map(packageOf)).filter((path) => path !== undefined);
  return [...new Set(packages)].sort();
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
