import {spawnSync} from 'node:child_process';
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {openNamelessFile} from '../../src/luks/private-copy.ts';
import {findProgram} from '../../src/kernel/program.ts';

/** Default layout of cryptsetup: two header copies of 16 KiB, key slots to 16 MiB, then data. */
export const headerAreaSizeBytes = 0x8000;
export const dataOffsetBytes = 16 * 1024 * 1024;

const folders: string[] = [];

/** A directory that `removeFolders` takes away again. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tazpod-luks-'));
  folders.push(folder);
  return folder;
}

export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, {recursive: true, force: true});
}

/** What the installed cryptsetup says, called as a user would call it. Key bytes go to its standard input. */
export function cryptsetup(
  args: readonly string[],
  input: string | Buffer = '',
): {code: number | null; stdout: string} {
  const path = findProgram('cryptsetup');
  if (path === undefined) throw new Error('cryptsetup is not installed');
  const {status, stdout} = spawnSync(path, ['--batch-mode', ...args], {
    env: {LC_ALL: 'C', PATH: '/usr/sbin:/usr/bin:/sbin:/bin'},
    input,
  });
  return {code: status, stdout: stdout.toString()};
}

/** Options of luksFormat that cost no time: for everything that is not about costs. */
export const cheap = ['--pbkdf=pbkdf2', '--pbkdf-force-iterations=1000'];

/** An image that plain `cryptsetup luksFormat` made. The data area is a hole. */
export function formatImage(key: string | Buffer, options: readonly string[], dataSizeBytes = 1024 * 1024): string {
  const path = join(temporaryFolder(), 'vault.img');
  writeFileSync(path, '');
  truncateSync(path, dataOffsetBytes + dataSizeBytes);
  mustSucceed(cryptsetup(['luksFormat', '--type=luks2', ...options, '--key-file=-', path], key));
  return path;
}

/** The volume key as plain cryptsetup tells it. */
export function volumeKeyOf(path: string, key: string | Buffer): Buffer {
  const file = join(temporaryFolder(), 'volume-key');
  mustSucceed(cryptsetup(['luksDump', '--dump-volume-key', `--volume-key-file=${file}`, '--key-file=-', path], key));
  return readFileSync(file);
}

/** Adds a key with plain `cryptsetup luksAddKey`. */
export function addKey(path: string, key: string, newKey: string, options: readonly string[]): void {
  const newKeyFile = join(temporaryFolder(), 'new-key');
  writeFileSync(newKeyFile, newKey);
  mustSucceed(cryptsetup(['luksAddKey', ...options, '--key-file=-', path, newKeyFile], key));
}

export function mustSucceed({code}: {code: number | null}): void {
  if (code !== 0) throw new Error(`cryptsetup ended with ${String(code)}`);
}

/** A nameless file in memory with these bytes at its start, followed by a hole up to its size. */
export function fileWith(bytes: Buffer, sizeBytes = bytes.length): number {
  const fd = openNamelessFile('/dev/shm');
  overwrite(fd, bytes, sizeBytes);
  return fd;
}

/** Replaces all of a file. */
export function overwrite(fd: number, bytes: Buffer, sizeBytes = bytes.length): void {
  ftruncateSync(fd, 0);
  writeSync(fd, bytes, 0, bytes.length, 0);
  ftruncateSync(fd, sizeBytes);
}

/** Opens a file for the time of a call. */
export async function withFile<T>(path: string, use: (fd: number) => T | Promise<T>): Promise<T> {
  const fd = openSync(path, 'r');
  try {
    return await use(fd);
  } finally {
    closeSync(fd);
  }
}
