import {chownSync, writeFileSync} from 'node:fs';
import type {BedUser} from './user.ts';

/** Gives a file or directory to a user. */
export function chownTo(user: Pick<BedUser, 'uid' | 'gid'>, path: string): void {
  chownSync(path, user.uid, user.gid);
}

/** Writes a private file of a user's. */
export function writeAs(user: Pick<BedUser, 'uid' | 'gid'>, path: string, content: string | Buffer): string {
  writeFileSync(path, content, {mode: 0o600});
  chownTo(user, path);
  return path;
}
