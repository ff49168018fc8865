import {spawnSync} from 'node:child_process';
import {cpSync, existsSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {root} from '../../scripts/setup.js';
import {install} from './install.ts';
import type {BedUser} from './user.ts';

/**
 * Gives a user plugins of this repository as `tazpod plugins install` leaves them, without a registry. What they depend
 * on comes along from the checkout.
 */
export function givePlugins(user: BedUser, ...names: readonly string[]): void {
  // What is in src/ now is built with the install.
  install();
  const folder = join(user.home, '.local/share/tazpod');
  const packagePath = join(folder, 'package.json');
  for (const name of names) {
    const target = join(folder, 'node_modules', name);
    mkdirSync(target, {recursive: true});
    cpSync(join(root, 'plugins', name, 'package.json'), join(target, 'package.json'));
    cpSync(join(root, 'plugins', name, 'dist'), join(target, 'dist'), {recursive: true});
  }
  type Listed = {oclif?: {plugins?: {name: string}[]}};
  const listed = existsSync(packagePath)
    ? (JSON.parse(readFileSync(packagePath, 'utf8')) as Listed).oclif?.plugins
    : [];
  const added = names.map((name) => ({name, type: 'user', tag: 'latest'}));
  const oclif = {schema: 1, plugins: [...(listed ?? []), ...added]};
  writeFileSync(packagePath, JSON.stringify({private: true, oclif, dependencies: {}}));
  spawnSync('chown', ['-R', `${user.uid}:${user.gid}`, join(user.home, '.local')]);
}
