import {spawnSync} from 'node:child_process';
import {cpSync, existsSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {root} from '../../scripts/setup.js';
import {install} from './install.ts';
import type {BedUser} from './user.ts';

/** Gives a user plugins of this repository as `tazpod plugins install` leaves them, without a registry. */
export function givePlugins(user: BedUser, ...names: readonly string[]): void {
  // What is in src/ now is built with the install.
  install();
  for (const name of names) {
    const from = join(root, 'plugins', name);
    givePlugin(user, name, (to) => {
      cpSync(join(from, 'package.json'), join(to, 'package.json'));
      cpSync(join(from, 'dist'), join(to, 'dist'), {recursive: true});
    });
  }
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
