import {randomFillSync} from 'node:crypto';
import {closeSync, constants, existsSync, fstatSync, fsyncSync, openSync, rmSync} from 'node:fs';
import {basename, dirname} from 'node:path';
import {syncFolder} from '../foundation/atomic-file.ts';
import {writeWhole} from '../foundation/whole-bytes.ts';
import {currentHeader} from '../luks/header.ts';
import {readHeaderCopies} from '../luks/header-reader.ts';
import {lastBackup} from './backup-record.ts';
import {notErased, notLuks} from './failures.ts';
import {holdImage} from './hold-image.ts';
import {knownByImage} from './known-vaults.ts';
import {keptBeside} from './new-file.ts';

/** The `result` of `vault destroy --json`. */
export type DestroyResult = {
  readonly image: string;
  readonly name: string;
  /** How much was overwritten: both copies of the header and the area of the key slots. */
  readonly erasedBytes: number;
  /** Files that open with passphrases of this vault as before, as far as TazPod knows them. */
  readonly remaining: readonly string[];
};

/** cryptsetup's own place for the data, where no header says it. */
const defaultDataOffsetBytes = 16 * 2 ** 20;
/** The first sector says that the file is a vault. It is erased last, so that a call that was killed can be repeated. */
const signatureBytes = 4096;
const chunkBytes = 2 ** 20;

/** What a user types to confirm that this vault is meant: its name, else that of its project, else of its file. */
export function vaultName(image: string): string {
  const known = knownByImage(image);
  if (known !== undefined) return known.name;
  const folder = dirname(image);
  const project = ['.tazpod-vault', 'vault'].includes(basename(folder)) ? dirname(folder) : undefined;
  const name = project === undefined ? '' : basename(basename(project) === '.tazpod' ? dirname(project) : project);
  return name === '' ? basename(image).replace(/\.img$/, '') : name;
}

/**
 * Makes a vault unreadable for good: overwrites the key slots, then both copies of the header, each synced, and removes
 * the image. Without a key slot nobody can compute the volume key, not even with the passphrase. Throws a Failure.
 */
export async function destroyVault(image: string): Promise<DestroyResult> {
  return holdImage(image, 'destroyed', async (heldFd) => {
    const copies = readHeaderCopies(heldFd);
    if (copies.signature !== 'luks2' && copies.secondary.state === 'absent') throw notLuks(image);
    const header = currentHeader(copies);
    const sizeBytes = Math.min(fstatSync(heldFd).size, header?.segments[0]?.offsetBytes ?? defaultDataOffsetBytes);
    const remaining = remainingFiles(image, header?.uuid);
    try {
      erase(heldFd, sizeBytes, header === undefined ? signatureBytes : 2 * header.headerSizeBytes);
      rmSync(image);
      syncFolder(dirname(image));
    } catch (error) {
      throw notErased(image, error);
    }
    return {image, name: vaultName(image), erasedBytes: sizeBytes, remaining};
  });
}

/** Key material, the headers, and the signature, in this order. */
function erase(heldFd: number, sizeBytes: number, keySlotsAt: number): void {
  // The file that is locked, whatever has its name by now.
  const fd = openSync(`/proc/self/fd/${heldFd}`, constants.O_RDWR);
  try {
    overwrite(fd, keySlotsAt, sizeBytes);
    overwrite(fd, signatureBytes, Math.min(keySlotsAt, sizeBytes));
    overwrite(fd, 0, Math.min(signatureBytes, sizeBytes));
  } finally {
    closeSync(fd);
  }
}

function overwrite(fd: number, from: number, to: number): void {
  const bytes = Buffer.alloc(chunkBytes);
  for (let at = from; at < to; at += chunkBytes) {
    const part = bytes.subarray(0, Math.min(chunkBytes, to - at));
    writeWhole(fd, randomFillSync(part), at);
  }
  fsyncSync(fd);
}

/** The last backup, and what restores have kept beside the image. */
function remainingFiles(image: string, uuid: string | undefined): string[] {
  const backup = uuid === undefined ? undefined : lastBackup(uuid)?.file;
  return [...(backup !== undefined && existsSync(backup) ? [backup] : []), ...keptBeside(image)];
}
