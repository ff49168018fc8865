import {fchownSync, lchownSync} from 'node:fs';
import {setImmediate as turn} from 'node:timers/promises';
import type {Adopted} from '../lifecycle/message.ts';
import {Directory, type Name} from './directory.ts';

/** After so many entries the ghost looks whether somebody wants it to end. */
const entriesPerTurn = 200;

/**
 * Makes everything in a mounted vault the user's: each file, directory, link, pipe and socket, from any owner. Not only
 * what belongs to the account that has the top directory: a vault is one account's, and what another has left in it,
 * root with a copy, say, the user could neither read nor remove.
 *
 * Safe as root:
 * - The user who asks has the passphrase and may write the image, so could change every inode in it by hand. A change
 *   of ownership inside gives nobody anything new, as long as it stays inside.
 * - It stays inside. Nobody but this process can reach the mount: it is in the ghost's own mount namespace, below a
 *   directory of root's, and nothing is mounted in it. A directory is opened below one that is open, and not if it is a
 *   symbolic link; it must lie on the vault's own file system. Other entries are changed by lchown(2), which changes a
 *   symbolic link itself and follows none. That holds too where the image is rewritten meanwhile, and a name is a
 *   directory at one moment and a link at the next.
 * - A hard link is another name of a file of the same file system: none leads out of the vault.
 * - Devices stay whose they are. Nothing in a vault is opened as a device (`nodev`), but a user who owned one could be
 *   served by the next who mounts the image by hand without that option.
 *
 * A kill leaves some changed and some not, and the next call does the rest. The top directory comes last: as long as it
 * is another's, the vault is known to be not done.
 */
export async function adoptFiles(
  folder: string,
  owner: {readonly uid: number; readonly gid: number},
): Promise<Adopted> {
  const top = Directory.open(folder);
  const work = new Adoption(top, owner);
  try {
    await work.all();
    work.change(() => fchownSync(top.fd, owner.uid, owner.gid), top.stat());
    return {changed: work.changed, left: work.left};
  } finally {
    top.close();
  }
}

class Adoption {
  changed = 0;
  left = 0;
  readonly #top: Directory;
  readonly #owner: {readonly uid: number; readonly gid: number};
  readonly #device: bigint;
  #entries = 0;

  constructor(top: Directory, owner: {readonly uid: number; readonly gid: number}) {
    this.#top = top;
    this.#owner = owner;
    this.#device = top.stat().dev;
  }

  /** Everything below the top directory. Only one way down is open at a time, however deep it is. */
  async all(): Promise<void> {
    const waiting: Name[][] = [[]];
    for (let way = waiting.pop(); way !== undefined; way = waiting.pop()) {
      const directory = this.#descend(way);
      if (directory === undefined) continue;
      try {
        for (const name of directory.names()) {
          if (++this.#entries % entriesPerTurn === 0) await turn();
          if (this.#adopt(directory, name)) waiting.push([...way, name]);
        }
      } finally {
        if (directory !== this.#top) directory.close();
      }
    }
  }

  change(chown: () => void, {uid, gid}: {readonly uid: bigint; readonly gid: bigint}): void {
    if (uid === BigInt(this.#owner.uid) && gid === BigInt(this.#owner.gid)) return;
    chown();
    this.changed++;
  }

  /** Says whether the entry is a directory, whose own entries are to follow. */
  #adopt(directory: Directory, name: Buffer): boolean {
    const found = directory.look(name);
    if (found === undefined) return false;
    if (found.isBlockDevice() || found.isCharacterDevice() || found.dev !== this.#device) {
      this.left++;
      return false;
    }
    this.change(() => lchownSync(directory.at(name), this.#owner.uid, this.#owner.gid), found);
    return found.isDirectory();
  }

  /** Opens a directory again by its names; undefined if it is no longer a directory, or is of another file system. */
  #descend(way: readonly Name[]): Directory | undefined {
    let directory = this.#top;
    for (const name of way) {
      const above = directory;
      try {
        directory = above.enter(name);
      } catch {
        return undefined;
      } finally {
        if (above !== this.#top) above.close();
      }
    }
    if (directory.stat().dev === this.#device) return directory;
    directory.close();
    return undefined;
  }
}
