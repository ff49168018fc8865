import {closeSync, constants, existsSync, fstatSync, fsyncSync, openSync} from 'node:fs';
import {writeWhole} from '../foundation/whole-bytes.ts';
import {identifyFile, sameFile} from '../kernel/file-identity.ts';
import {tryLockExclusive} from '../kernel/file-lock.ts';
import {writeHeader} from './backup.ts';
import {copyImage} from './copy-image.ts';
import {
  backupBusy,
  backupIsHeader,
  backupIsImage,
  backupIsTheImage,
  copyNotWritten,
  headerDiffers,
  headerOfAnotherVault,
  noBackupAt,
} from './failures.ts';
import {holdImage, openImage} from './hold-image.ts';
import {
  headerAt,
  type ImageHeader,
  isHeaderOnly,
  readHeaderAreas,
  readHeaderBackup,
  readImageHeader,
} from './image-header.ts';
import {exchangeFile, keptName, makeFile, replaceFile} from './new-file.ts';
import type {VaultRequest} from './open-request.ts';
import type {Presentation} from './presentation.ts';
import {type Verified, verifyCopy} from './verify-copy.ts';

/** A vault in a file, as its header and the file system say it. */
export type StoredVault = {
  readonly sizeBytes: number;
  /** When the file was written last, ISO 8601. */
  readonly modified: string;
  readonly uuid: string;
  /** The numbers of the key slots that hold a key. */
  readonly keySlots: readonly number[];
};

/** What a restore would do. */
export type RestorePreview = {
  readonly image: string;
  readonly file: string;
  readonly kind: 'image' | 'header';
  readonly backup: StoredVault;
  /** What is at the image's path now, if it is a vault. */
  readonly current?: StoredVault;
  /** What would be another than before, a sentence each. */
  readonly differences: readonly string[];
};

/** The `result` of `vault restore --json`. */
export type RestoreResult = {
  readonly image: string;
  readonly file: string;
  readonly kind: 'image' | 'header';
  readonly preview: RestorePreview;
  /** Where the image, or the header, is that was there before. */
  readonly kept?: string;
  readonly verified: readonly Verified[];
};

/** The result of a restore that only shows what it would do. */
export function nothingRestored(preview: RestorePreview): RestoreResult {
  const {image, file, kind} = preview;
  return {image, file, kind, preview, verified: []};
}

/** An opened backup, which nobody changes meanwhile. */
export type OpenedBackup = {
  readonly fd: number;
  readonly header: ImageHeader;
  readonly preview: RestorePreview;
};

/** Runs `work` with a backup that is open and locked, and with what a restore of it would do. Throws a Failure. */
export async function withBackup<T>(
  image: string,
  file: string,
  kind: 'image' | 'header',
  work: (backup: OpenedBackup) => Promise<T>,
): Promise<T> {
  if (!existsSync(file)) throw noBackupAt(file);
  const fd = openImage(file);
  try {
    if (existsSync(image) && sameFile(identifyFile(fd), identifyFile(image))) throw backupIsTheImage(file);
    if (!(await tryLockExclusive(fd))) throw backupBusy(file);
    const header = kind === 'header' ? readHeaderBackup(fd, file) : readWholeImage(fd, file);
    if (kind === 'header' && !isHeaderOnly(header, fstatSync(fd).size)) throw backupIsImage(file);
    const current = existsSync(image) ? headerAt(image) : undefined;
    const backup = storedVault(fd, header);
    const preview = {
      ...{image, file, kind, backup},
      ...(current === undefined ? {} : {current: storedVaultAt(image, current)}),
      differences: differencesOf({backup, header}, image, current),
    };
    return await work({fd, header, preview});
  } finally {
    closeSync(fd);
  }
}

/** A header without data is a backup of another kind. */
function readWholeImage(fd: number, file: string): ImageHeader {
  const header = readHeaderBackup(fd, file);
  if (isHeaderOnly(header, fstatSync(fd).size)) throw backupIsHeader(file);
  return readImageHeader(fd, file);
}

function storedVault(fd: number, {uuid, keySlots}: ImageHeader): StoredVault {
  const {size, mtime} = fstatSync(fd);
  return {sizeBytes: size, modified: mtime.toISOString(), uuid, keySlots};
}

function storedVaultAt(path: string, header: ImageHeader): StoredVault {
  const fd = openImage(path);
  try {
    return storedVault(fd, header);
  } finally {
    closeSync(fd);
  }
}

function differencesOf(
  {backup, header}: {readonly backup: StoredVault; readonly header: ImageHeader},
  image: string,
  current: ImageHeader | undefined,
): string[] {
  if (!existsSync(image)) return [];
  if (current === undefined) return ['The file at the path of the image has no header that can be read.'];
  if (current.uuid !== header.uuid) return ['It is a backup of another vault: the UUIDs differ.'];
  const slots = (numbers: readonly number[]) => numbers.join(', ');
  const now = storedVaultAt(image, current);
  return [
    ...(backup.modified < now.modified ? ['It is older than the image: what was changed since is not in it.'] : []),
    ...(slots(header.keySlots) === slots(current.keySlots)
      ? []
      : [`It has the key slots ${slots(header.keySlots)}; the image has ${slots(current.keySlots)}.`]),
    ...(header.sequence < current.sequence
      ? ['Its header is older: passphrases that were changed or removed since open it again.']
      : []),
  ];
}

/**
 * Puts a copy of a backup into the place of an image. The image that is there keeps a name of its own, and the copy gets
 * the image's when it is whole and verified; it is opened if `open` says how. Throws a Failure.
 */
export async function restoreImage(
  {fd, header, preview}: OpenedBackup,
  open: VaultRequest | undefined,
  presentation: Presentation,
): Promise<RestoreResult> {
  const {image, file, kind} = preview;
  const copy = async (temporary: string): Promise<readonly Verified[]> => {
    await copyImage(fd, temporary, presentation);
    return verifyCopy(temporary, header.uuid, open, presentation);
  };
  if (!existsSync(image)) return {image, file, kind, preview, verified: await makeFile(image, copy)};
  const kept = keptName(image, 'before-restore');
  const verified = await holdImage(image, 'replaced', () => replaceFile(image, kept, copy));
  return {image, file, kind, preview, kept, verified};
}

/**
 * Gives an image the header of a backup; the header that was there is kept in a file first. Headers and key slots are
 * many writes, and one without the other opens with no key: so they go into a copy of the image, which takes its place
 * with one rename. Only where no header can be read any more, and nothing opens the image, is it written itself: after a
 * kill, the same command goes on. Throws a Failure.
 */
export async function restoreHeader(
  {fd, header, preview}: OpenedBackup,
  presentation: Presentation,
): Promise<RestoreResult> {
  const {image, file, kind} = preview;
  const kept = keptName(image, 'header-before-restore');
  const bytes = readHeaderAreas(fd, header.areasSizeBytes);
  await holdImage(image, 'given another header', async (imageFd) => {
    const current = headerAt(image);
    if (current !== undefined && current.volumeKeyDigest !== header.volumeKeyDigest) throw headerOfAnotherVault(file);
    if (fstatSync(imageFd).size < header.dataOffsetBytes) throw headerOfAnotherVault(file);
    const before = readHeaderAreas(imageFd, Math.max(header.areasSizeBytes, current?.areasSizeBytes ?? 0));
    await makeFile(kept, (temporary) => writeHeader(temporary, before, undefined));
    // The file that is locked, whatever has its name by now.
    if (current === undefined) return overwrite(`/proc/self/fd/${imageFd}`, image, bytes);
    await exchangeFile(image, async (temporary) => {
      await copyImage(imageFd, temporary, presentation);
      overwrite(temporary, image, bytes);
    });
  });
  return {image, file, kind, preview, kept, verified: ['digest', 'header']};
}

function overwrite(path: string, image: string, bytes: Buffer): void {
  try {
    const fd = openSync(path, constants.O_RDWR);
    try {
      writeWhole(fd, bytes, 0);
      fsyncSync(fd);
      if (!readHeaderAreas(fd, bytes.length).equals(bytes)) throw headerDiffers();
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw copyNotWritten(image, error) ?? error;
  }
}
