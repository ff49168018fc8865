import {spawnSync} from 'node:child_process';
import {cpSync, existsSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {root} from '../../scripts/setup.js';
import {install} from './install.ts';
import {tazpod} from './run.ts';
import type {BedUser} from './user.ts';

/** Gives a user plugins of this repository as `tazpod plugins install` leaves them, without a registry. */
export function givePlugins(user: BedUser, ...names: readonly string[]): void {
  // What is in src/ now is built with the install.
  install();
  for (const name of names) {
    const from = join(root, 'plugins', name);
    givePlugin(user, name, (to) => {
      cpSync(join(from, 'package.json'), join(to, 'package.json'));
      // One that is data alone has nothing to build.
      if (existsSync(join(from, 'dist'))) cpSync(join(from, 'dist'), join(to, 'dist'), {recursive: true});
    });
  }
}

/** Links a plugin of this repository that needs npm packages: a copy of root's beside the product, and so beside those. */
export async function linkPlugin(user: BedUser, name: string): Promise<void> {
  const copy = join(install().folder, 'plugins', name);
  for (const part of ['package.json', 'dist']) {
    cpSync(join(root, 'plugins', name, part), join(copy, part), {recursive: true});
  }
  spawnSync('chmod', ['-R', 'u=rwX,go=rX', join(install().folder, 'plugins')]);
  const {code, stdout, stderr} = await tazpod(user, ['plugins', 'link', copy]);
  if (code !== 0) throw new Error(`plugins link ${name} ended with ${code}: ${stdout}${stderr}`);
}

/** Gives a user a plugin that a test has written: its files by their names. */
export function giveOwnPlugin(user: BedUser, name: string, files: Readonly<Record<string, string>>): void {
  givePlugin(user, name, (to) => {
    for (const [file, content] of Object.entries(files)) {
      mkdirSync(dirname(join(to, file)), {recursive: true});
      writeFileSync(join(to, file), content);
    }
  });
}

function givePlugin(user: BedUser, name: string, fill: (folder: string) => void): void {
  const data = join(user.home, '.local/share/tazpod');
  const folder = join(data, 'node_modules', name);
  mkdirSync(folder, {recursive: true});
  fill(folder);
  const path = join(data, 'package.json');
  type Listed = {oclif: {plugins: {name: string}[]}};
  const before = existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as Listed).oclif.plugins : [];
  const plugins = [...before.filter((each) => each.name !== name), {name, type: 'user', tag: 'latest'}];
  writeFileSync(path, JSON.stringify({private: true, oclif: {schema: 1, plugins}, dependencies: {}}));
  spawnSync('chown', ['-R', `${user.uid}:${user.gid}`, join(user.home, '.local')]);
}
