import {createHash} from 'node:crypto';
import {closeSync, writeFileSync} from 'node:fs';
import {isBelow} from '../foundation/path-within.ts';
import {recordBackup} from './backup-record.ts';
import {copyImage} from './copy-image.ts';
import {backupInMountPoint, copyNotWritten, headerDiffers} from './failures.ts';
import {holdImage, openImage} from './hold-image.ts';
import {readHeaderAreas, readHeaderBackup, readImageHeader} from './image-header.ts';
import {defaultMountPoint, resolveLinks} from './location.ts';
import {makeFile} from './new-file.ts';
import type {VaultRequest} from './open-request.ts';
import type {Presentation} from './presentation.ts';
import {type Verified, verifyCopy} from './verify-copy.ts';

/** The `result` of `vault backup --json`. */
export type BackupResult = {
  readonly image: string;
  readonly file: string;
  /** `header`: both copies of the header and the key slots, and no data. */
  readonly kind: 'image' | 'header';
  readonly uuid: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** `reflink`: the copy shares its blocks with the image. */
  readonly method: 'reflink' | 'copy';
  readonly verified: readonly Verified[];
  /** ISO 8601. */
  readonly finished: string;
};

/**
 * Copies the image of a locked vault to a new file. The file gets its name when the copy is synced, has the digest of the
 * image and a sound header, and was opened, if `open` says how. Throws a Failure.
 */
export async function backUp(
  {image, mountPoint}: VaultRequest,
  file: string,
  open: VaultRequest | undefined,
  presentation: Presentation,
): Promise<BackupResult> {
  refuseMountPoint(file, mountPoint);
  return holdImage(image, 'backed up', async (imageFd) => {
    const {uuid, warnings} = readImageHeader(imageFd, image);
    for (const warning of warnings) presentation.remark(warning);
    const made = await makeFile(file, async (temporary) => {
      const copied = await copyImage(imageFd, temporary, presentation);
      return {...copied, verified: await verifyCopy(temporary, uuid, open, presentation)};
    });
    const finished = new Date().toISOString();
    const record = {file, finished, sha256: made.sha256, opened: made.verified.includes('opened')};
    if (!recordBackup(uuid, record))
      presentation.remark('The backup is whole, but tazpod vault status will not know of it.');
    return {image, file, kind: 'image', uuid, ...made, finished};
  });
}

/** Copies the header of a locked vault and its key slots, in the form that cryptsetup's luksHeaderRestore takes. */
export async function backUpHeader({image, mountPoint}: VaultRequest, file: string): Promise<BackupResult> {
  refuseMountPoint(file, mountPoint);
  return holdImage(image, 'backed up', async (imageFd) => {
    const {uuid, areasSizeBytes: sizeBytes} = readImageHeader(imageFd, image);
    const bytes = readHeaderAreas(imageFd, sizeBytes);
    await makeFile(file, (temporary) => writeHeader(temporary, bytes, uuid));
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const finished = new Date().toISOString();
    const made = {method: 'copy', verified: ['digest', 'header']} as const;
    return {image, file, kind: 'header', uuid, sizeBytes, sha256, ...made, finished};
  });
}

/** Writes a header backup that is on the disk and reads as it should when this returns. */
export async function writeHeader(temporary: string, bytes: Buffer, uuid: string | undefined): Promise<void> {
  try {
    writeFileSync(temporary, bytes, {flag: 'wx', mode: 0o600, flush: true});
  } catch (error) {
    throw copyNotWritten(temporary, error) ?? error;
  }
  const fd = openImage(temporary);
  try {
    if (!readHeaderAreas(fd, bytes.length).equals(bytes)) throw headerDiffers();
    if (uuid !== undefined && readHeaderBackup(fd, temporary).uuid !== uuid) throw headerDiffers();
  } finally {
    closeSync(fd);
  }
}

/** A file there is outside the vault, and no session sees it. */
function refuseMountPoint(file: string, named: string | undefined): void {
  const mountPoint = named === undefined ? defaultMountPoint() : resolveLinks(named);
  if (mountPoint !== undefined && isBelow(file, mountPoint)) throw backupInMountPoint(mountPoint);
}
