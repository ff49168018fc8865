import {type Dirent, readdirSync, readFileSync, readlinkSync} from 'node:fs';
import {join} from 'node:path';
import {faultOfVaultPath} from '../mapping/vault-path.ts';
import {parseRecord, type PulledRecord} from './record.ts';

/*
 * How a pull is one transaction.
 *
 * Each pull writes a generation, a folder of its own: `.tazpod/pulled/7/` with `files/`, `environment/`, `folders/` (what
 * the stores answered) and `pulled.json`. The link `.tazpod/pulled/current` names the one that holds. Where the user
 * looks for a file there is a relative link through `current`:
 *
 *     kube/config → ../.tazpod/pulled/current/files/kube/config
 *
 * A new generation is written and synced, links are made for the names that are new, and then one rename(2) of `current`
 * switches all files, all variables and the record over together. Before it a new name's link leads nowhere, which
 * open(2) cannot tell from a name that is not there; after it the same is true of a name that went. So at every moment,
 * also for a program that reads in the middle of a pull, the set is the old or the new one; no journal is needed and
 * nothing must be rolled forward. Links that lead nowhere, and generations that do not hold, are swept away by the
 * pull that left them, or by the next.
 *
 * Regular files at the user's paths would have to be renamed one by one: a reader, and a process after a kill, would
 * see some of each set until somebody finishes the work.
 */

const numberPattern = /^[1-9]\d{0,14}$/;

/** A path in the folder of all generations. */
export function pulledPath(mountPoint: string, ...names: readonly (string | number)[]): string {
  return join(mountPoint, '.tazpod/pulled', ...names.map(String));
}

/** The number that `current` names. A link to anything else is nobody's. */
export function currentNumber(mountPoint: string): number | undefined {
  const target = linkTarget(pulledPath(mountPoint, 'current'));
  return target !== undefined && numberPattern.test(target) ? Number(target) : undefined;
}

/** Every generation that is there, whether it holds or not. */
export function generationNumbers(mountPoint: string): number[] {
  return entriesOf(pulledPath(mountPoint))
    .filter((entry) => entry.isDirectory() && numberPattern.test(entry.name))
    .map((entry) => Number(entry.name));
}

/** The record of the generation that holds. Undefined where nothing was pulled. */
export function readRecord(mountPoint: string): PulledRecord | undefined {
  const number = currentNumber(mountPoint);
  return number === undefined ? undefined : recordOf(mountPoint, number);
}

export function recordOf(mountPoint: string, number: number): PulledRecord | undefined {
  const json = readIfThere(pulledPath(mountPoint, number, 'pulled.json'));
  const record = json && parseRecord(json.toString('utf8'));
  // The paths are used below the mount point; those of somebody else's vault may lead out of it.
  return record?.files.every(({path}) => faultOfVaultPath(path) === undefined) === true ? record : undefined;
}

/** What a store answered when the generation that holds was pulled. */
export function readAnswer(mountPoint: string, key: string): Buffer | undefined {
  const number = currentNumber(mountPoint);
  return number === undefined ? undefined : readIfThere(pulledPath(mountPoint, number, 'folders', key));
}

/** The folders above a path of the vault, the uppermost first. */
export function foldersAbove(path: string): string[] {
  const names = path.split('/').slice(0, -1);
  return names.map((_, index) => names.slice(0, index + 1).join('/'));
}

export function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, {withFileTypes: true});
  } catch {
    return [];
  }
}

export function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

export function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
