import {
  closeSync,
  constants,
  existsSync,
  fsyncSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  statfsSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import {randomUUID} from 'node:crypto';
import {nameless} from '../foundation/open-beneath.ts';
import {isLocked, tryLockExclusive} from '../kernel/file-lock.ts';
import {asCaller, type Caller} from './caller.ts';
import {directoryNotWritable, imageNotPublished, noSpace} from './failures.ts';
import {runAsCaller} from './run-as-caller.ts';

/** An image that is being made: without a name, or where the file system has no such thing, under a temporary one. */
export type NewImage = {
  readonly fd: number;
  /** Its temporary name in its directory; undefined when it has none and the kernel frees it with its descriptor. */
  readonly temporaryName: string | undefined;
};

const temporaryPrefix = '.vault-in-the-making-';
const zerosBytes = 4 * 1024 * 1024;

/**
 * Makes an empty image of this size in a directory, with space really allocated: a vault never runs out of disk while it
 * is written to. It gets its name last (`publishImage`), so a kill at any moment leaves nothing, or a file under a
 * temporary name that the next call removes.
 *
 * Safe as root: file and space are taken with the caller's ids, so permissions and quotas are the caller's.
 */
export async function allocateImage(
  caller: Caller,
  folderFd: number,
  sizeBytes: number,
  progress: (doneBytes: number) => void,
): Promise<NewImage> {
  await removeAbandoned(caller, folderFd);
  const image = await createFile(caller, folderFd);
  try {
    if (!(await tryLockExclusive(image.fd))) throw new Error('a new file cannot be locked by another');
    const allocated = await runAsCaller(
      caller,
      'fallocate',
      ['--length', String(sizeBytes), '/proc/self/fd/3'],
      [image.fd],
    );
    if (allocated.code !== 0) {
      if (/no space|quota|file too large/i.test(allocated.stderr.toString('latin1'))) throw noSpace(sizeBytes);
      await writeZeros(image.fd, sizeBytes, progress);
    }
    return image;
  } catch (error) {
    discardImage(caller, folderFd, image);
    throw error;
  }
}

/**
 * Gives a finished image its name, and nothing that has it already: link(2) never replaces. exFAT and some network file
 * systems have no hard links; there mv(1) renames with RENAME_NOREPLACE. What it holds is synced before, and the directory
 * after.
 *
 * Safe as root: link and rename are made by programs that run as the caller.
 */
export async function publishImage(caller: Caller, folderFd: number, image: NewImage, name: string): Promise<void> {
  fsyncSync(image.fd);
  const source = image.temporaryName === undefined ? '/proc/self/fd/3' : `/proc/self/fd/4/${image.temporaryName}`;
  const paths = [source, `/proc/self/fd/4/${name}`];
  const linked = await runAsCaller(
    caller,
    'ln',
    ['--logical', '--no-target-directory', '--', ...paths],
    [image.fd, folderFd],
  );
  const published = linked.code === 0 || (await renameImage(caller, folderFd, image, name));
  if (!published) {
    throw imageNotPublished(linked.stderr);
  }
  if (linked.code === 0 && image.temporaryName !== undefined) removeFile(caller, folderFd, image.temporaryName);
  fsyncSync(folderFd);
}

/** Whether the image has the name now. mv(1) also ends with 0 where something has that name and it did nothing. */
async function renameImage(
  caller: Caller,
  folderFd: number,
  {temporaryName}: NewImage,
  name: string,
): Promise<boolean> {
  if (temporaryName === undefined) return false;
  const [from, to] = [`/proc/self/fd/3/${temporaryName}`, `/proc/self/fd/3/${name}`];
  await runAsCaller(caller, 'mv', ['--no-clobber', '--no-target-directory', '--', from, to], [folderFd]);
  return asCaller(caller, () => !existsSync(`/proc/self/fd/${folderFd}/${temporaryName}`));
}

/** Forgets an image that has no name yet. */
export function discardImage(caller: Caller, folderFd: number, image: NewImage): void {
  if (image.temporaryName !== undefined) removeFile(caller, folderFd, image.temporaryName);
  closeSync(image.fd);
}

async function createFile(caller: Caller, folderFd: number): Promise<NewImage> {
  const copiesOnWrite = statfsSync(`/proc/self/fd/${folderFd}`).type === btrfsMagic;
  const image = asCaller(caller, () => openNewFile(folderFd, copiesOnWrite));
  if (copiesOnWrite) await writeInPlace(caller, folderFd, image);
  return image;
}

/** BTRFS_SUPER_MAGIC of linux/magic.h. */
const btrfsMagic = 0x9123683e;

/**
 * Lets btrfs overwrite the image in place. Otherwise each write takes new space, and fails on a full disk although the
 * space of the image was allocated. It works on an empty file only. chattr(1) takes no descriptor, and a file without a
 * name has nothing else, so the file has a name here from the beginning. Where it fails, the image works as before.
 */
async function writeInPlace(caller: Caller, folderFd: number, {temporaryName}: NewImage): Promise<void> {
  await runAsCaller(caller, 'chattr', ['+C', '--', `/proc/self/fd/3/${temporaryName}`], [folderFd]);
}

function openNewFile(folderFd: number, named: boolean): NewImage {
  try {
    if (named) return openNamedFile(folderFd);
    return {
      fd: openSync(`/proc/self/fd/${folderFd}`, nameless | constants.O_RDWR, 0o600),
      temporaryName: undefined,
    };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
      throw directoryNotWritable(error);
    }
    if (code === 'ENOSPC' || code === 'EDQUOT') throw noSpace(0);
    // NFS, 9p, vfat and old kernels' overlayfs know no file without a name.
    return openNamedFile(folderFd);
  }
}

function openNamedFile(folderFd: number): NewImage {
  const temporaryName = `${temporaryPrefix}${randomUUID()}`;
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  return {fd: openSync(`/proc/self/fd/${folderFd}/${temporaryName}`, flags, 0o600), temporaryName};
}

/** Removes what a killed `create` left under a temporary name. One that is still at work holds a lock on its file. */
async function removeAbandoned(caller: Caller, folderFd: number): Promise<void> {
  const names = asCaller(caller, () => readdirSync(`/proc/self/fd/${folderFd}`));
  for (const name of names.filter((each) => each.startsWith(temporaryPrefix))) {
    const fd = asCaller(caller, () => openFile(`/proc/self/fd/${folderFd}/${name}`));
    if (fd === undefined) continue;
    const abandoned = fstatSync(fd).uid === caller.uid && !(await isLocked(fd));
    closeSync(fd);
    if (abandoned) removeFile(caller, folderFd, name);
  }
}

/** Undefined for what bears a temporary name and is not ours: a link, somebody else's. */
function openFile(path: string): number | undefined {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    return undefined;
  }
}

function removeFile(caller: Caller, folderFd: number, name: string): void {
  asCaller(caller, () => {
    try {
      unlinkSync(`/proc/self/fd/${folderFd}/${name}`);
    } catch {
      // The next create tries again.
    }
  });
}

/** Where the file system cannot allocate, writing is the only way to be sure of the space. */
async function writeZeros(fd: number, sizeBytes: number, progress: (doneBytes: number) => void): Promise<void> {
  const zeros = Buffer.alloc(Math.min(zerosBytes, sizeBytes));
  ftruncateSync(fd, sizeBytes);
  try {
    for (let done = 0; done < sizeBytes;) {
      done += writeSync(fd, zeros, 0, Math.min(zeros.length, sizeBytes - done), done);
      progress(done);
      // The socket to the CLI is written between two chunks.
      await new Promise((resolve) => setImmediate(resolve));
    }
    fsyncSync(fd);
  } catch (error) {
    if (['ENOSPC', 'EDQUOT', 'EFBIG'].includes((error as NodeJS.ErrnoException).code ?? '')) throw noSpace(sizeBytes);
    throw error;
  }
}
