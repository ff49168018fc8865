import {createHash} from 'node:crypto';
import {
  closeSync,
  constants,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmdirSync,
  statfsSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import {basename, dirname} from 'node:path';
import type {BridgePlan} from '../../lifecycle/plan.ts';
import type {Directory} from '../directory.ts';
import {copyTree, differenceOf, emptyTree, measureTree, Obstacle, removeCopied, type TreeSize} from './tree.ts';

/** Something that was moved from the home into the vault. */
export type Moved = TreeSize & {
  /** Where it is in the vault, relative to its root; not the bridge's place if there was something before. */
  readonly place: string;
};

/** Writes out everything that the vault has in memory. */
export type SyncVault = () => Promise<void>;

/** What is known between two steps, in a file that is replaced as a whole. */
type Record = {readonly stage: 'copied' | 'placed'; readonly place: string} & TreeSize;

/** What a file system needs besides for names and directories. */
const spareBytes = 1024 * 1024;

/**
 * Moves what lies in a directory of the home into the vault, so that it is never in neither: copied, synced, compared,
 * given its place, and only then removed outside.
 *
 * ```
 * .tazpod/bridges/ID/incoming     the copy, until it is whole
 * .tazpod/bridges/ID/record       `copied`: it is, and gets this place; `placed`: it has it, the home's can go
 * ```
 *
 * A kill at any point is taken up by the next call: without a record the copy starts again, with one the rest is done.
 * Where the vault has something already, the home's goes beside it and nothing is overwritten or mixed.
 *
 * Throws an Obstacle, or the kernel's error, and has then removed nothing outside.
 */
export async function moveIn(
  home: Directory,
  vault: Directory,
  bridge: BridgePlan,
  sync: SyncVault,
): Promise<readonly Moved[]> {
  const deskPath = `.tazpod/bridges/${createHash('sha256').update(bridge.home).digest('hex').slice(0, 16)}`;
  if (home.names().length === 0 && !isThere(vault, deskPath)) return [];
  const desk = vault.make(deskPath);
  const moved: Moved[] = [];
  try {
    const begun = readRecord(desk);
    const whole =
      begun === undefined || (await finish(home, vault, desk, bridge, begun, sync, (place) => moved.push(place)));
    // What cannot be removed now has its copy already: it stays for the next call.
    if (!whole) return moved;
    if (home.names().length > 0) {
      const size = await copy(home, vault, desk, sync);
      const record = {stage: 'copied', place: bridge.vault, ...size} as const;
      if (!(await finish(home, vault, desk, bridge, record, sync, (place) => moved.push(place)))) return moved;
    }
    emptyTree(desk);
  } finally {
    desk.close();
  }
  removeFolder(vault, deskPath);
  return moved;
}

/** From the home to `incoming`, whole, on the disk and compared. */
async function copy(home: Directory, vault: Directory, desk: Directory, sync: SyncVault): Promise<TreeSize> {
  emptyTree(desk);
  const size = measureTree(home);
  const {bavail, bsize} = statfsSync(`/proc/self/fd/${vault.fd}/.`);
  if (size.bytes + size.entries * 512 + spareBytes > bavail * bsize) throw noSpace(size.bytes);
  const incoming = desk.make('incoming');
  try {
    copyTree(home, incoming);
    await sync();
    const difference = differenceOf(home, incoming);
    if (difference !== undefined) throw new Obstacle(difference, 'a program is changing it');
    return size;
  } catch (error) {
    emptyTree(incoming);
    throw (error as NodeJS.ErrnoException).code === 'ENOSPC' ? noSpace(size.bytes) : error;
  } finally {
    incoming.close();
  }
}

/** From `incoming` to its place, and out of the home. Says whether nothing kept it from being removed there. */
async function finish(
  home: Directory,
  vault: Directory,
  desk: Directory,
  bridge: BridgePlan,
  {stage, place, ...size}: Record,
  sync: SyncVault,
  tell: (moved: Moved) => void,
): Promise<boolean> {
  let settled = place;
  if (stage === 'copied') {
    // Without it the name has been given, and the record did not get to say so.
    if (size.entries > 0 && desk.look('incoming') !== undefined) settled = give(vault, desk, bridge, size);
    await sync();
    writeRecord(desk, {stage: 'placed', place: settled, ...size});
  }
  if (size.entries > 0) tell({place: settled, ...size});
  const copied = vault.make(settled);
  try {
    removeCopied(home, copied);
  } catch {
    return false;
  } finally {
    copied.close();
  }
  unlinkSync(desk.at('record'));
  return true;
}

/** Gives the copy the bridge's own place if that is empty, or else one beside it. */
function give(vault: Directory, desk: Directory, bridge: BridgePlan, size: TreeSize): string {
  for (let attempt = 0; ; attempt++) {
    const place = attempt === 0 ? bridge.vault : `${bridge.vault}.from-home-${attempt}`;
    const above = dirname(place) === '.' ? vault : vault.make(dirname(place));
    try {
      if (attempt > 0 && above.look(basename(place)) !== undefined) continue;
      writeRecord(desk, {stage: 'copied', place, ...size});
      // Over an empty directory, or to a free name: rename(2) replaces no other.
      renameSync(desk.at('incoming'), above.at(basename(place)));
      fsyncSync(above.fd);
      return place;
    } catch (error) {
      if (!['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    } finally {
      if (above !== vault) above.close();
    }
  }
}

/**
 * Replaces the record. That the file is synced has a second use: fuse2fs writes the names of directories to the image
 * with the next file that is, and not before.
 */
function writeRecord(desk: Directory, record: Record): void {
  removeFile(desk, 'record.new');
  const fd = openSync(desk.at('record.new'), 'wx', 0o600);
  try {
    writeSync(fd, JSON.stringify(record));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(desk.at('record.new'), desk.at('record'));
  fsyncSync(desk.fd);
}

/**
 * A record that cannot be read does not count: the copy is made again, and what is in the vault already is kept beside.
 */
function readRecord(desk: Directory): Record | undefined {
  try {
    const fd = openSync(desk.at('record'), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const {stage, place, entries, bytes} = JSON.parse(readFileSync(fd, 'utf8')) as Partial<Record>;
      const whole = (stage === 'copied' || stage === 'placed') && isPlace(place) && isCount(entries) && isCount(bytes);
      return whole ? {stage, place, entries, bytes} : undefined;
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined;
  }
}

/** A vault may come from somebody else: what its record names is looked at before it is used. */
function isPlace(place: unknown): place is string {
  return typeof place === 'string' && place.split('/').every((name) => !['', '.', '..'].includes(name));
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isThere(vault: Directory, path: string): boolean {
  let directory = vault;
  try {
    for (const name of path.split('/')) {
      const above = directory;
      directory = above.enter(name);
      if (above !== vault) above.close();
    }
    return true;
  } catch {
    return false;
  } finally {
    if (directory !== vault) directory.close();
  }
}

function removeFolder(vault: Directory, path: string): void {
  const above = vault.make(dirname(path));
  try {
    rmdirSync(above.at(basename(path)));
  } catch {
    // It is found empty the next time.
  } finally {
    above.close();
  }
}

function removeFile(directory: Directory, name: string): void {
  try {
    unlinkSync(directory.at(name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function noSpace(bytes: number): Obstacle {
  return new Obstacle('', `the vault has no space for its ${Math.ceil(bytes / 2 ** 20)} MiB`);
}
