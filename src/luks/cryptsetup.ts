import {closeSync, fstatSync, fsyncSync, ftruncateSync} from 'node:fs';
import {readWhole, writeWhole} from '../foundation/whole-bytes.ts';
import {exitCode} from '../foundation/exit-code.ts';
import {type ConfinedOptions, runConfined} from '../confined/run-confined.ts';
import type {ProgramResult} from '../kernel/program.ts';
import {
  cryptsetupFailed,
  headerNotWritten,
  noRoomForKeyslot,
  unknownCryptsetup,
  unusablePassphraseSize,
} from './failures.ts';
import {estimateUnlockSeconds} from './kdf-cost.ts';
import {keyTokenPrefix, objectLimit} from './metadata.ts';
import {openNamelessFile, type VettedHeader} from './private-copy.ts';
import {allocateSecret} from './secret-buffer.ts';
import {drainSecretPipe, openSecretPipe} from './secret-pipe.ts';
import {parseVolumeKeyDump} from './volume-key-dump.ts';

/** How a new key slot derives its key. */
export type KdfOptions = {
  readonly pbkdf?: 'argon2id' | 'argon2i' | 'pbkdf2';
  /** For argon2 only; see `boundedPbkdfMemoryKiB`. */
  readonly pbkdfMemoryKiB?: number;
  /** Time cost of argon2 (at least 4) or iterations of PBKDF2 (at least 1000), instead of a benchmark. */
  readonly pbkdfForceIterations?: number;
};

export type FormatOptions = KdfOptions & {
  /** As dm-crypt spells it. Default `aes-xts-plain64`. */
  readonly cipher?: string;
  /** Default 512: AES-256 in XTS mode, which takes two keys. */
  readonly keySizeBits?: number;
  /** Default 4096. */
  readonly sectorSizeBytes?: 512 | 1024 | 2048 | 4096;
  readonly uuid?: string;
  readonly label?: string;
  /** What is noted about the key; absent: nothing. */
  readonly note?: {readonly name: string; readonly kind: string};
};

/** What came of trying a key in every slot. A wrong one is an ordinary answer, not a failure. */
export type UnlockResult =
  | {
      readonly outcome: 'unlocked';
      /** Raw bytes. The caller zeroes them. */
      readonly volumeKey: Buffer;
    }
  | {readonly outcome: 'wrong-passphrase'};

/** cryptsetup reads no more than 8 MiB as a key. */
export const keySizeLimitBytes = 8 * 1024 * 1024;

/*
 * cryptsetup is a large program in C, and with it come libdevmapper, libblkid and a library of ciphers. It meets what
 * the caller chooses: a header, even if a vetted one, a passphrase, and costs of a key derivation. So no call has a
 * privilege. Each sees one private file and no image, and nothing of it is believed but an exit code, a volume key
 * whose digest is checked, and a header that is vetted as any other.
 */

/** Common to all calls: the first further descriptor, opened again by its number, is the only file they see. */
const givenFile = '/proc/self/fd/3';

/**
 * Common to all calls. cryptsetup's own locks are flocks on the file itself, which our lock on the image would meet;
 * besides, without them it never fixes a header unasked.
 */
const common = ['--batch-mode', '--disable-locks'];

/** Key from standard input, to its end and byte for byte, newlines included. */
const keyFromInput = '--key-file=-';

/**
 * Makes an image of the opened file (read-write, already of its full size): LUKS2, argon2id, data at 16 MiB.
 * `key` is used byte for byte, and stays the caller's to zero.
 *
 * Throws a Failure: 64 for an impossible key, 69 for lack of memory or of a cipher, 73 for what cannot be written.
 */
export async function format(imageFd: number, key: Buffer, options: FormatOptions): Promise<void> {
  if (key.length === 0 || key.length > keySizeLimitBytes) {
    throw unusablePassphraseSize();
  }
  const headerFd = openNamelessFile('/dev/shm');
  try {
    // As long as the image, and a hole: what cryptsetup writes is the header.
    ftruncateSync(headerFd, fstatSync(imageFd).size);
    const call = await runTimed(['luksFormat', ...common, keyFromInput, ...formatArguments(options), givenFile], {
      input: key,
      files: [headerFd],
      timeoutMs: formatTimeoutMs,
    });
    if (call.code !== 0) throw cryptsetupFailed(call, 'make the LUKS header', exitCode.cannotCreate);
    if (options.note !== undefined) await noteFirstKey(headerFd, options.note);
    copyHeader(headerFd, imageFd);
  } finally {
    closeSync(headerFd);
  }
}

/** For the benchmark of a key derivation on a slow machine, and the derivation. */
const formatTimeoutMs = 10 * 60_000;

/** Where `luksFormat` lets the data begin, if it is not told otherwise: before it lies the header. */
const headerSizeBytes = 16 * 2 ** 20;

/** Throws a Failure (73) where the disk of the image does not take the header. */
function copyHeader(headerFd: number, imageFd: number): void {
  const bytes = Buffer.alloc(2 ** 20);
  try {
    for (let offset = 0; offset < headerSizeBytes; offset += bytes.length) {
      writeWhole(imageFd, bytes.subarray(0, readWhole(headerFd, bytes, offset)), offset);
    }
    fsyncSync(imageFd);
  } catch (error) {
    throw headerNotWritten(error);
  } finally {
    bytes.fill(0);
  }
}

/**
 * Tries a key in every slot of a vetted header and gets the volume key.
 * `privateDirectory` is a directory in which no other user may write; nothing stays in it.
 *
 * Throws a Failure (69) when cryptsetup cannot try, for lack of memory or of a cipher.
 */
export async function unlockVolumeKey(
  vetted: VettedHeader,
  key: Buffer,
  privateDirectory: string,
): Promise<UnlockResult> {
  if (!triable(key)) return {outcome: 'wrong-passphrase'};
  const pipe = await openSecretPipe(privateDirectory);
  try {
    const call = await dumpVolumeKey(vetted, key, pipe.writeFd).finally(() => closeSync(pipe.writeFd));
    if (call.code === 2) return {outcome: 'wrong-passphrase'};
    if (call.code !== 0) throw cryptsetupFailed(call, 'try the passphrase', exitCode.unavailable);
    const dump = drainSecretPipe(pipe.readFd, 4096);
    try {
      const volumeKey = dump && parseVolumeKeyDump(dump, vetted.header.keyslots[0]!.keySizeBytes);
      if (volumeKey === undefined) {
        throw unknownCryptsetup();
      }
      return {outcome: 'unlocked', volumeKey};
    } finally {
      dump?.fill(0);
    }
  } finally {
    closeSync(pipe.readFd);
  }
}

/** Whether a key opens a vetted header, or one key slot of it. The same failures as `unlockVolumeKey`. */
export async function testPassphrase(vetted: VettedHeader, key: Buffer, keyslot?: number): Promise<boolean> {
  if (!triable(key)) return false;
  const only = keyslot === undefined ? [] : [`--key-slot=${keyslot}`];
  const call = await runTimed(
    ['open', '--test-passphrase', '--disable-external-tokens', ...only, ...common, keyFromInput, givenFile],
    {input: key, files: [vetted.copyFd], timeoutMs: unlockTimeoutMs(vetted)},
  );
  if (call.code === 0) return true;
  if (call.code === 2) return false;
  throw cryptsetupFailed(call, 'try the passphrase', exitCode.unavailable);
}

/**
 * Adds a key slot to a private copy (`copyForNewKeyslot`), for `newKey`, with a key that opens another one. Which number
 * and which place it gets is cryptsetup's choice.
 *
 * Both keys come on standard input, one after the other. A passphrase is a line there: its length on the command line
 * would tell the other users of the machine something. A key that cannot be a line is told by its length.
 *
 * Throws a Failure: 64 for an impossible key, 69 for lack of memory, 73 where there is no room for a further slot.
 */
export async function addKeyslot(
  vetted: VettedHeader,
  key: Buffer,
  newKey: Buffer,
  options: KdfOptions,
): Promise<void> {
  if (!triable(newKey)) throw unusablePassphraseSize();
  const [keyIsLine, newIsLine] = [fitsLine(key), fitsLine(newKey)];
  const input = allocateSecret(key.length + newKey.length + 2);
  const end = Buffer.from('\n');
  const parts = [key, ...(keyIsLine ? [end] : []), newKey, ...(newIsLine ? [end] : [])];
  parts.reduce((offset, part) => offset + part.copy(input, offset), 0);
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  try {
    const call = await runTimed(
      [
        'luksAddKey',
        ...common,
        ...(keyIsLine ? [] : [keyFromInput, `--keyfile-size=${key.length}`]),
        ...['--force-password', ...kdfArguments(options), givenFile],
        ...(newIsLine ? [] : ['-']),
      ],
      {input: input.subarray(0, length), files: [vetted.copyFd], timeoutMs: unlockTimeoutMs(vetted) + formatTimeoutMs},
    );
    if (call.code === 0) return;
    const full =
      vetted.whole.keyslots.length === objectLimit || /no space|all key slots full/i.test(String(call.stderr));
    throw full ? noRoomForKeyslot() : cryptsetupFailed(call, 'add a key slot', exitCode.cannotCreate);
  } finally {
    input.fill(0);
  }
}

/** Whether cryptsetup reads a key as a line as it is: it takes 512 bytes at a prompt, and stops at a newline. */
function fitsLine(key: Buffer): boolean {
  return key.length <= 512 && !key.includes(0x0a);
}

/**
 * Longest that a try of a key may take: ten times what it takes on a slow machine, and three minutes, as cryptsetup
 * needs a minute to read a key of 8 MiB.
 */
function unlockTimeoutMs({header}: VettedHeader): number {
  return 180_000 + 10_000 * Math.ceil(estimateUnlockSeconds(header));
}

/** Notes about the only key of a new header how it is called, in a token of TazPod's own. */
async function noteFirstKey(headerFd: number, {name, kind}: NonNullable<FormatOptions['note']>): Promise<void> {
  const token = JSON.stringify({type: `${keyTokenPrefix}${name}`, keyslots: ['0'], kind});
  const call = await runTimed(['token', 'import', '--token-id=0', ...common, givenFile], {
    input: Buffer.from(token),
    files: [headerFd],
    timeoutMs: formatTimeoutMs,
  });
  if (call.code !== 0) throw cryptsetupFailed(call, 'name the first key', exitCode.cannotCreate);
}

function formatArguments(options: FormatOptions): string[] {
  return [
    '--type=luks2',
    `--cipher=${options.cipher ?? 'aes-xts-plain64'}`,
    `--key-size=${options.keySizeBits ?? 512}`,
    `--sector-size=${options.sectorSizeBytes ?? 4096}`,
    ...kdfArguments(options),
    ...given([
      ['--uuid', options.uuid],
      ['--label', options.label],
    ]),
  ];
}

function kdfArguments({pbkdf = 'argon2id', pbkdfMemoryKiB, pbkdfForceIterations}: KdfOptions): string[] {
  return [
    `--pbkdf=${pbkdf}`,
    ...given([
      ['--pbkdf-memory', pbkdf === 'pbkdf2' ? undefined : pbkdfMemoryKiB],
      ['--pbkdf-force-iterations', pbkdfForceIterations],
    ]),
  ];
}

function given(options: readonly (readonly [string, string | number | undefined])[]): string[] {
  return options.flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
}

/** The dump goes straight to the pipe, which this process reads and nobody else. */
function dumpVolumeKey(vetted: VettedHeader, key: Buffer, writeFd: number): Promise<TimedResult> {
  return runTimed(['luksDump', '--dump-volume-key', ...common, keyFromInput, givenFile], {
    input: key,
    files: [vetted.copyFd],
    stdout: writeFd,
    timeoutMs: unlockTimeoutMs(vetted),
  });
}

/** cryptsetup cannot be given an empty key, and refuses one that is too long; neither is any slot's. */
function triable(key: Buffer): boolean {
  return key.length > 0 && key.length <= keySizeLimitBytes;
}

type TimedResult = ProgramResult & {readonly timedOutAfterMs: number | undefined};

async function runTimed(
  args: readonly string[],
  options: Omit<ConfinedOptions, 'limits'> & {readonly timeoutMs: number},
): Promise<TimedResult> {
  const startedMs = performance.now();
  const cpuSeconds = (mostThreads * options.timeoutMs) / 1000;
  const result = await runConfined('cryptsetup', args, {...options, limits: {cpuSeconds}});
  const timedOut = result.code === null && performance.now() - startedMs >= options.timeoutMs;
  return {...result, timedOutAfterMs: timedOut ? options.timeoutMs : undefined};
}

/** argon2 works with four at most. The header says how much memory it takes, and that is checked before. */
const mostThreads = 4;
