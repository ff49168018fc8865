import {createHash} from 'node:crypto';
import {constants} from 'node:fs';
import {access, readdir, readFile, realpath, stat} from 'node:fs/promises';
import {dirname, join, sep} from 'node:path';
import type {BackendContext, Folder} from 'tazpod/contract';
import {quoted} from '../../../plugin-kit/quoted.ts';
import {invalidPath, noStore, noSuchDirectory} from './failures.ts';

/** A file of the store. Its content is not looked at. */
export type Entry = {
  /** What pass calls it: a path from the store, without a slash at the beginning. */
  readonly passName: string;
  /** The folder, from `/`. */
  readonly path: string;
  readonly name: string;
  /** Changes when the file does. */
  readonly state: string;
};

/**
 * The secrets in a folder of the store: each is a file NAME.gpg. Folders are read instead of what `pass ls` prints,
 * which is a picture for people.
 */
export async function listFolder(store: string, folder: Folder, warn: BackendContext['warn']): Promise<Entry[]> {
  const parts = folder.path.split('/').filter((part) => part !== '');
  if (parts.some((part) => part === '.' || part === '..' || part.includes('\0'))) {
    throw invalidPath(folder.path);
  }
  if (!(await isThere(store))) {
    throw noStore(store);
  }
  if (parts.length > 0 && !(await isThere(join(store, ...parts)))) {
    throw noSuchDirectory(parts);
  }
  const entries: Entry[] = [];
  await collect(await realpath(store), store, parts, folder, warn, entries);
  return entries.sort((a, b) => (a.passName < b.passName ? -1 : 1));
}

/** Says in a few letters whether anything of this has changed. */
export function fingerprint(entries: readonly Entry[], content: string): string {
  const hash = createHash('sha256').update(content);
  for (const {passName, state} of entries) hash.update(`\0${passName}\0${state}`);
  return hash.digest('base64url');
}

/** Whose key the secrets of a folder are for, as `pass init` has noted it there or further up. */
export async function gpgIdOf(store: string, {path}: Pick<Entry, 'path'>): Promise<string | undefined> {
  for (let folder = join(store, path); folder.startsWith(store); folder = dirname(folder)) {
    const text = await readFile(join(folder, '.gpg-id'), 'utf8').catch(() => undefined);
    const first = text?.split('\n')[0]?.replace(/#.*/, '').trim();
    if (first !== undefined && first !== '') return first;
  }
  return undefined;
}

async function collect(
  root: string,
  store: string,
  parts: readonly string[],
  folder: Folder,
  warn: BackendContext['warn'],
  found: Entry[],
  above: readonly string[] = [],
): Promise<void> {
  const real = await realpath(join(store, ...parts));
  for (const entry of await readdir(real, {withFileTypes: true})) {
    // Of pass itself, of git, and of the tools around it.
    if (entry.name.startsWith('.')) continue;
    const path = [...parts, entry.name];
    if (path.some((part) => part.includes('\ufffd'))) {
      warn(`${quoted(path.join('/'))} has a name that is not UTF-8, and is skipped.`);
      continue;
    }
    // A link counts as what it leads to, as with pass itself.
    const facts = await stat(join(real, entry.name), {bigint: true}).catch(() => undefined);
    if (facts?.isDirectory() === true) {
      if (!folder.recursive) continue;
      if (entry.isSymbolicLink() && !(await leadsInto(root, join(real, entry.name)))) {
        warn(
          `${quoted(path.join('/'))} is a link out of the password store, and is skipped; to include it, name it in secrets.yml.`,
        );
        continue;
      }
      // A link to a folder above it would have no end.
      const isAbove = [...above, real].includes(await realpath(join(real, entry.name)));
      if (!isAbove) await collect(root, store, path, folder, warn, found, [...above, real]);
      continue;
    }
    if (!entry.name.endsWith('.gpg') || facts?.isFile() !== true) continue;
    const name = entry.name.slice(0, -'.gpg'.length);
    const secret = {name, path: `/${parts.join('/')}`};
    if (name === '' || folder.names?.includes(name) === false || folder.isExcluded?.(secret) === true) continue;
    found.push({
      ...secret,
      passName: [...parts, name].join('/'),
      state: [facts.dev, facts.ino, facts.size, facts.mtimeNs, facts.ctimeNs].join(' '),
    });
  }
}

async function leadsInto(root: string, link: string): Promise<boolean> {
  return `${await realpath(link)}${sep}`.startsWith(`${root}${sep}`);
}

async function isThere(folder: string): Promise<boolean> {
  return access(join(folder, '.'), constants.R_OK | constants.X_OK).then(
    () => true,
    () => false,
  );
}
