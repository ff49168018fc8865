// A tarball that can be unpacked anywhere, with install.sh in it, for systems without Debian's package tools.
import {cpSync, mkdirSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {basename, dirname, join} from 'node:path';
import {root} from '../setup.js';
import {sourceTimeMs} from './bill-of-materials.js';
import {completions} from './completions.js';
import {manPages} from './man-pages.js';
import {run} from './tree.js';

/**
 * @param {string} tree the laid-out files; they are moved
 * @param {{version: string, output: string, level: number}} options
 * @returns {string} the tarball's path
 */
export function makeTarball(tree, {version, output, level}) {
  const name = `tazpod-${version}-linux-${process.arch}`;
  const stage = join(dirname(tree), name);
  rmSync(stage, {recursive: true, force: true});
  renameSync(tree, stage);
  cpSync(join(root, 'packaging/install.sh'), join(stage, 'install.sh'));
  for (const [path, text] of shared()) {
    mkdirSync(dirname(join(stage, 'share', path)), {recursive: true});
    writeFileSync(join(stage, 'share', path), text);
  }
  run('chmod', ['-R', 'u=rwX,go=rX', join(stage, 'share')]);
  const path = join(output, `${name}.tar.xz`);
  const epoch = Math.floor(sourceTimeMs() / 1000);
  run('tar', [
    ...['--sort=name', '--owner=0', '--group=0', '--numeric-owner', `--mtime=@${epoch}`],
    ...[`--use-compress-program=xz -${level} --threads=2`, '-cf', path, '-C', dirname(stage), basename(stage)],
  ]);
  for (const name of ['install.sh', 'share']) rmSync(join(stage, name), {recursive: true});
  renameSync(stage, tree);
  return path;
}

/** What install.sh links into a `share` directory: path there → text. */
function shared() {
  const pages = [...manPages()].map(([name, text]) => /** @type {const} */ ([`man/man1/${name}`, text]));
  return [...pages, ...completions()];
}
