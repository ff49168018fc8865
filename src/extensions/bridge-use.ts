import {existsSync} from 'node:fs';
import {delimiter, isAbsolute, join} from 'node:path';
import {isExecutable} from '../foundation/access.ts';
import type {BridgeDeclaration} from '../contract/index.ts';

/**
 * Whether a plugin's bridge has something to do: a plugin for many programs must not make directories in the home for
 * those that are not installed.
 */
export function isOfUse({home, command}: BridgeDeclaration, path: string, homeFolder: string): boolean {
  if (command === undefined || existsSync(join(homeFolder, home))) return true;
  return path.split(delimiter).some((folder) => isAbsolute(folder) && isExecutable(join(folder, command)));
}
