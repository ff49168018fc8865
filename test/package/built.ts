import {spawnSync} from 'node:child_process';
import {mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {projectNode, root} from '../../scripts/setup.js';
import {atTheEnd} from '../bed/made-by.ts';

/** What `npm run package` has made of this checkout, and what it said. */
export type Built = {readonly path: string; readonly said: string};

let deb: Built | undefined;
let tarball: Built | undefined;

/** Makes the .deb, once in a test run and uncompressed: what is in it is the same. */
export function buildDeb(): Built {
  deb ??= build('deb', '.deb');
  return deb;
}

/** Makes the tarball, once in a test run and packed loosely. */
export function buildTarball(): Built {
  tarball ??= build('tarball', '.tar.xz');
  return tarball;
}

function build(kind: 'deb' | 'tarball', extension: string): Built {
  const folder = temporaryFolder();
  const said = run(projectNode(), [
    join(root, 'scripts/package.js'),
    '--only',
    kind,
    '--level',
    '0',
    '--output',
    folder,
  ]);
  return {
    path: join(
      folder,
      readdirSync(folder).find((name) => name.endsWith(extension))!,
    ),
    said,
  };
}

/** The same .deb under another version, as the next release would be. */
export function withVersion(deb: string, version: string): string {
  const folder = temporaryFolder();
  const files = join(folder, 'files');
  run('dpkg-deb', ['--raw-extract', deb, files]);
  const control = join(files, 'DEBIAN/control');
  writeFileSync(control, readFileSync(control, 'utf8').replace(/^Version: .*$/m, `Version: ${version}`));
  const path = join(folder, `tazpod_${version}.deb`);
  run('dpkg-deb', ['--root-owner-group', '-Znone', '--build', files, path]);
  rmSync(files, {recursive: true});
  return path;
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tazpod-built-'));
  atTheEnd(() => rmSync(folder, {recursive: true, force: true}));
  return folder;
}

/** Returns what the program has printed. Throws with its words where it fails. */
function run(program: string, args: readonly string[]): string {
  const {status, stdout, stderr} = spawnSync(program, args, {encoding: 'utf8', maxBuffer: 64 * 1024 * 1024});
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed: ${stdout}${stderr}`);
  return stdout + stderr;
}
