import {type Stats, statSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {printable} from '../foundation/printable.ts';
import {userConfigFolder} from './own-home.ts';

/** Where one place of the configuration is, or would be. */
export type FoundFile =
  | {readonly state: 'absent'}
  | {readonly state: 'found'; readonly path: string}
  /** It is there and is not read: `why` is a sentence for the user. */
  | {readonly state: 'distrusted'; readonly path: string; readonly why: string};

/** The configuration of a project, from the project's folder. */
const projectConfigPath = '.tazpod/config.yaml';

/** The user's `config.yaml`. */
export function userConfigPath(environment: NodeJS.ProcessEnv, home: string): string {
  return join(userConfigFolder(environment, home), 'config.yaml');
}

/**
 * The nearest `.tazpod/config.yaml` from a folder upwards. One that belongs to somebody else is not read, and none above
 * it is: in `/tmp`, anybody could put one over everybody's folders.
 */
export function findProjectConfig(workingFolder: string, uid: number): FoundFile {
  for (let folder = workingFolder; ; folder = dirname(folder)) {
    const found = lookAt(join(folder, projectConfigPath), uid);
    if (found.state !== 'absent' || folder === dirname(folder)) return found;
  }
}

/** A file and its folder, if both are the user's or root's and nobody else's to write. */
export function lookAt(path: string, uid: number): FoundFile {
  const [file, folder] = [statOf(path), statOf(dirname(path))];
  if (file === undefined || folder === undefined) return {state: 'absent'};
  const whose = [file, folder].find((each) => each.uid !== uid && each.uid !== 0);
  const shown = printable(path, 4096);
  if (whose !== undefined) {
    return {state: 'distrusted', path, why: `${shown} is ignored: it or its directory belongs to another user.`};
  }
  // A folder with the sticky bit lets others add files, and not exchange this one.
  const open = (file.mode & 0o002) !== 0 || (folder.mode & 0o1002) === 0o002;
  return open
    ? {state: 'distrusted', path, why: `${shown} is ignored: everybody can write to it. Next: chmod -R o-w ${shown}`}
    : {state: 'found', path};
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch (error) {
    const {code} = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES' || code === 'ELOOP') return undefined;
    throw error;
  }
}
