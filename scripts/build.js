// Compiles src/ to build/ and bundles that into dist/; bundles every plugin into its dist/, and packs the plugins into
// archives/. Removes what has no source any longer: oclif takes every file that it finds there for a command.
import {spawnSync} from 'node:child_process';
import {existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {join, relative} from 'node:path';
import {fileURLToPath} from 'node:url';
import {bundle, bundlePlugins} from './bundle.js';
import {packPlugins} from './package/plugin-archives.js';
import {projectNode, root} from './setup.js';
import {endWith, say, SetUpError} from './terminal.js';

const stampPath = join(root, 'dist', '.built');

const plugins = pluginFolders();

/**
 * Builds when a source file was added, removed or changed since the last build.
 *
 * @throws {SetUpError} 70 with the compiler's words
 */
export function buildWhenStale() {
  if (existsSync(stampPath) && readFileSync(stampPath, 'utf8') === fingerprint()) return;
  say('Building…');
  build();
}

/** Builds. Throws a SetUpError (70) with the compiler's words. */
export function build() {
  const before = fingerprint();
  rmSync(stampPath, {force: true});
  removeOrphans(join(root, 'src'), join(root, 'build'));
  compile('-p', 'tsconfig.json');
  bundle();
  bundlePlugins(plugins.map((folder) => relative(root, folder)));
  packPlugins();
  writeFileSync(stampPath, before);
}

/** @param {string[]} args */
function compile(...args) {
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const result = spawnSync(projectNode(), [compiler, ...args], {cwd: root, encoding: 'utf8'});
  if (result.status !== 0) throw new SetUpError(70, `${result.stdout}${result.stderr}The build failed.`);
}

/** The plugins of this repository that have code. */
function pluginFolders() {
  const parent = join(root, 'plugins');
  return readdirSync(parent)
    .map((name) => join(parent, name))
    .filter((folder) => existsSync(join(folder, 'src')));
}

/** One line a file that decides what the dist/ folders hold: its path, size and time. */
function fingerprint() {
  return [
    ...[root, ...plugins].flatMap((folder) => filesBelow(join(folder, 'src'))),
    ...plugins.map((folder) => join(folder, 'package.json')),
    ...filesBelow(join(root, 'plugin-kit')),
    join(root, 'tsconfig.json'),
    join(root, 'package-lock.json'),
  ]
    .map((path) => {
      const {mtimeMs, size} = statSync(path);
      return `${relative(root, path)} ${size} ${mtimeMs}\n`;
    })
    .sort()
    .join('');
}

/**
 * @param {string} source
 * @param {string} output
 */
function removeOrphans(source, output) {
  mkdirSync(output, {recursive: true});
  for (const path of filesBelow(output)) {
    const compiled = relative(output, path).replace(/(\.d\.ts|\.js)$/, '.ts');
    if (compiled.endsWith('.ts') && !existsSync(join(source, compiled))) rmSync(path);
  }
}

/**
 * @param {string} directory
 * @returns {string[]}
 */
function filesBelow(directory) {
  return readdirSync(directory, {withFileTypes: true}).flatMap((entry) => {
    const path = join(directory, entry.name);
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await endWith(() => {
    build();
    return 0;
  });
}
