import {cpSync, existsSync, mkdirSync} from 'node:fs';
import {join} from 'node:path';
import {spawnSync} from 'node:child_process';
import {root} from '../../scripts/setup.js';
import {install} from './install.ts';
import {tazpod} from './run.ts';
import type {BedUser} from './user.ts';

/** Links plugins of this repository for a user, as whoever works on them would. They are root's copies of what is built. */
export async function linkPlugins(user: BedUser, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const {code, stdout, stderr} = await tazpod(user, ['plugins', 'link', pluginCopy(name)]);
    if (code !== 0) throw new Error(`plugins link ${name} ended with ${code}: ${stdout}${stderr}`);
  }
}

/** The copy of a plugin beside that of the product. */
function pluginCopy(name: string): string {
  const folder = join(install().folder, 'plugins', name);
  if (existsSync(folder)) return folder;
  mkdirSync(folder, {recursive: true});
  for (const part of ['package.json', 'dist']) {
    const from = join(root, 'plugins', name, part);
    if (existsSync(from)) cpSync(from, join(folder, part), {recursive: true});
  }
  spawnSync('chmod', ['-R', 'u=rwX,go=rX', join(install().folder, 'plugins')]);
  return folder;
}
