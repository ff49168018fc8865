// Compiles src/ to dist/, and removes from dist/ what has no source any more: oclif takes every file it finds there
// for a command.
import {spawnSync} from 'node:child_process';
import {existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {join, relative} from 'node:path';
import {fileURLToPath} from 'node:url';
import {projectNode, root} from './setup.js';
import {endWith, say, SetUpError} from './terminal.js';

const source = join(root, 'src');
const output = join(root, 'dist');
const stampPath = join(output, '.built');

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
  mkdirSync(output, {recursive: true});
  rmSync(stampPath, {force: true});
  removeOrphans();
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const result = spawnSync(projectNode(), [compiler, '-p', 'tsconfig.json'], {cwd: root, encoding: 'utf8'});
  if (result.status !== 0) throw new SetUpError(70, `${result.stdout}${result.stderr}The build failed.`);
  writeFileSync(stampPath, before);
}

/** One line a file that decides what dist/ holds: its path, size and time. */
function fingerprint() {
  return [...filesBelow(source), join(root, 'tsconfig.json'), join(root, 'package-lock.json')]
    .map((path) => {
      const {mtimeMs, size} = statSync(path);
      return `${relative(root, path)} ${size} ${mtimeMs}\n`;
    })
    .sort()
    .join('');
}

function removeOrphans() {
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
