import {createHash} from 'node:crypto';
import {closeSync, fstatSync, fsyncSync, readlinkSync} from 'node:fs';
import {setImmediate as nextTurn} from 'node:timers/promises';
import {isTaken} from '../foundation/open-beneath.ts';
import {readWhole, writeWhole} from '../foundation/whole-bytes.ts';
import type {Failure} from '../foundation/failure.ts';
import {asCaller, type Caller} from './caller.ts';
import {imageNotSaved, imageSaved} from './failures.ts';
import {allocateImage, discardImage, publishImage} from './image.ts';
import {printablePath} from '../foundation/printable.ts';

const chunkBytes = 4 * 1024 * 1024;
/** How many names are tried. */
const maximumCopies = 100;

/**
 * What to say of a vault whose image was removed, or replaced by another file, while it was open: its contents are in
 * an inode without a name, which is gone with its last descriptor. The kernel links no such inode again, so the image
 * is copied to a new file beside it, or in the home if its directory is gone. The vault is closed by then, so the copy
 * is whole; and it is read back before it gets its name.
 *
 * Safe as root: the copy is made with the caller's ids and counts towards the caller's quota (`image.ts`), in a
 * directory that was opened with them, and what is copied is the caller's own image.
 */
export async function saveRemovedImage(
  caller: Caller,
  imageFd: number,
  {folderFd, homeFd, imageName}: {readonly folderFd: number; readonly homeFd: number; readonly imageName: string},
): Promise<Failure> {
  const folder = fstatSync(folderFd).nlink > 0 ? folderFd : homeFd;
  try {
    const name = await copyTo(caller, imageFd, folder, imageName);
    const path = printablePath(`${readlinkSync(`/proc/self/fd/${folder}`)}/${name}`);
    return imageSaved(path);
  } catch (error) {
    return imageNotSaved(error);
  }
}

async function copyTo(caller: Caller, imageFd: number, folderFd: number, imageName: string): Promise<string> {
  const sizeBytes = fstatSync(imageFd).size;
  const copy = await allocateImage(caller, folderFd, sizeBytes, () => {});
  try {
    const written = await digestOf(imageFd, sizeBytes, (chunk, at) => writeWhole(copy.fd, chunk, at));
    fsyncSync(copy.fd);
    if ((await digestOf(copy.fd, sizeBytes, () => {})) !== written)
      throw new Error('The copy differs from what was written.');
    const name = freeName(caller, folderFd, imageName);
    await publishImage(caller, folderFd, copy, name);
    closeSync(copy.fd);
    return name;
  } catch (error) {
    discardImage(caller, folderFd, copy);
    throw error;
  }
}

/** Reads a file to its end, hands each chunk on, and returns the digest of it all. */
async function digestOf(
  fd: number,
  sizeBytes: number,
  take: (chunk: Buffer, atBytes: number) => void,
): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.alloc(chunkBytes);
  for (let at = 0; at < sizeBytes;) {
    const chunk = buffer.subarray(0, Math.min(chunkBytes, sizeBytes - at));
    if (readWhole(fd, chunk, at) < chunk.length) throw new Error('The image is shorter than it was.');
    hash.update(chunk);
    take(chunk, at);
    at += chunk.length;
    await nextTurn();
  }
  return hash.digest('hex');
}

/** `vault.img.saved`, or with a number behind it. Who takes it meanwhile keeps it: a link replaces nothing. */
function freeName(caller: Caller, folderFd: number, imageName: string): string {
  for (let count = 1; count < maximumCopies; count++) {
    const name = `${imageName}.saved${count === 1 ? '' : `-${count}`}`;
    if (!asCaller(caller, () => isTaken(folderFd, name))) return name;
  }
  throw new Error('There are too many copies already.');
}
