import {closeSync, fstatSync, openSync, read as readWithCallback, writeSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';
import {promisify} from 'node:util';
import {writeWhole} from '../foundation/whole-bytes.ts';
import {fromHome} from '../foundation/path-within.ts';
import type {KeySource, OpenPlan} from '../lifecycle/plan.ts';
import {restoreTerminal, saveTerminal, setTerminal} from '../kernel/terminal.ts';
import type {Caller} from './caller.ts';
import type {CliChannel} from './cli-channel.ts';
import {
  echoStaysOn,
  keyFileTooLarge,
  keyUnreadable,
  noTerminalForPassphrase,
  passphraseEmpty,
  passphraseTooLong,
  passphraseUntypable,
  passphrasesDiffer,
} from './failures.ts';
import {roughWeaknessOf, weaknessOf} from './passphrase-strength.ts';
import {printablePath} from '../foundation/printable.ts';

const read = promisify(readWithCallback);

/** As much as cryptsetup reads of a key file when it is not told otherwise. */
const maximumKeyBytes = 8 * 1024 * 1024;
/** As much as cryptsetup takes at its own prompt: more could never be typed there again. */
const maximumPassphraseBytes = 512;
/** How often a passphrase is asked for at a terminal. */
const tries = 3;
/** How often a FIFO or pipe that has nothing yet is asked again. */
const retryMs = 20;

/** Something that a key is read from. */
type Input = {
  readonly fd: number;
  /** Nobody has opened it for writing yet, as far as one can tell: its end is not the end. */
  awaitsWriter: boolean;
};

let asking = false;

/** Whether a passphrase is being asked for on the terminal just now. */
export function isAsking(): boolean {
  return asking;
}

/** What kind of key comes from a source. */
export function kindOfKey(source: KeySource): 'passphrase' | 'key-file' {
  return source.from !== 'terminal' && source.form === 'key' ? 'key-file' : 'passphrase';
}

/** Where keys come from, and how often it is worth asking. */
export type KeyReader = {
  readonly tries: number;
  /** The key for an image that is there. The caller zeroes it. */
  existing(): Promise<Buffer>;
  /** What may be wrong with the last key from `existing`, as a sentence; never a byte of it. */
  doubt(): string | undefined;
  /** The key for a new image: at a terminal it is asked for twice. */
  chosen(): Promise<Buffer>;
};

/** A reader for the key source of a plan. `keyFd` is its opened file. */
export function keyReader(
  caller: Caller,
  source: KeySource,
  keyFd: number | undefined,
  {image, home}: Pick<OpenPlan, 'image' | 'home'>,
  channel: CliChannel,
): KeyReader {
  if (source.from === 'terminal') {
    const shown = printablePath(fromHome(image, home));
    return {
      tries,
      doubt: () => undefined,
      existing: () => askOnce(channel, `Passphrase for the vault ${shown}: `),
      chosen: () => askTwice(caller, channel, shown),
    };
  }
  const fromDescriptor = async () => {
    const input = source.from === 'stdin' ? {fd: 0, awaitsWriter: false} : openedInput(source.path, keyFd!);
    const key = source.form === 'key' ? await readKey(input) : await readLine(input, maximumPassphraseBytes);
    if (input.fd !== 0) closeSync(input.fd);
    return requireNotEmpty(key);
  };
  if (source.from === 'file') warnOfReadable(source.path, keyFd!, caller, channel);
  let foreign: string | undefined;
  return {
    tries: 1,
    existing: async () => {
      const key = await fromDescriptor();
      if (source.form === 'passphrase') foreign = foreignBytes(key);
      return key;
    },
    doubt: () => foreign && `The passphrase ${foreign}; TazPod tried it unchanged.`,
    chosen: async () => {
      const key = await fromDescriptor();
      if (source.form === 'passphrase') {
        refuseForeign(key);
        const weakness = roughWeaknessOf(key);
        if (weakness !== undefined) channel.say({say: 'warning', text: weakness});
      }
      return key;
    },
  };
}

/**
 * Asks for a new passphrase: not an empty one, and not another one the second time. A weak one is taken only from who
 * types it again although it was called weak.
 */
async function askTwice(caller: Caller, channel: CliChannel, image: string): Promise<Buffer> {
  let weak: Buffer = Buffer.alloc(0);
  try {
    for (let refused = 0; ;) {
      const isWeak = weak.length > 0;
      const first = await askOnce(
        channel,
        isWeak ? 'Enter a better one, or the same one again to use it: ' : `New passphrase for the vault ${image}: `,
      );
      if (first.length === 0) {
        if (++refused === tries) requireNotEmpty(first);
        channel.say({say: 'objection', text: 'The passphrase is empty. Try again.'});
        continue;
      }
      if (isWeak && first.equals(weak)) return first;
      weak.fill(0);
      weak = Buffer.alloc(0);
      const weakness = await weaknessOf(caller, first);
      if (weakness !== undefined) {
        channel.say({say: 'objection', text: weakness.replaceAll('. ', '.\n')});
        weak = first;
        continue;
      }
      const second = await askOnce(channel, 'Repeat passphrase: ').catch((error: unknown) => {
        first.fill(0);
        throw error;
      });
      const same = first.equals(second);
      second.fill(0);
      if (same) return first;
      first.fill(0);
      if (++refused === tries) {
        throw passphrasesDiffer();
      }
      channel.say({say: 'objection', text: 'The passphrases do not match. Try again.'});
    }
  } finally {
    weak.fill(0);
  }
}

/**
 * Asks on the terminal, without echo. The kernel's line editing is left on, so Ctrl-U and Backspace do what they do at
 * every other prompt, and what is typed after the line stays in the terminal's buffer for the shell.
 *
 * The CLI ends the line, as what follows is the CLI's: sudo may relay a terminal of its own to that of the user, and then
 * a line end from here could arrive after the drawing of the next step, which would be drawn over the prompt.
 */
export async function askOnce(channel: CliChannel, prompt: string | Buffer): Promise<Buffer> {
  await channel.claimTerminal();
  let terminal: number;
  try {
    terminal = openSync('/dev/tty', 'r+');
  } catch {
    throw noTerminalForPassphrase();
  }
  asking = true;
  const saved = await saveTerminal(terminal);
  const begin = async () => {
    await hideTyping(terminal);
    writeWhole(terminal, typeof prompt === 'string' ? Buffer.from(prompt) : prompt);
  };
  /** Ctrl-Z: the shell gets its terminal with echo. The kernel has thrown away what was typed at the prompt. */
  const suspend = async () => {
    writeSync(terminal, '\n');
    await restoreTerminal(terminal, saved);
    process.removeListener('SIGTSTP', onStop);
    process.kill(process.pid, 'SIGTSTP');
    process.on('SIGTSTP', onStop);
    await begin();
  };
  const onStop = () => void suspend();
  process.on('SIGTSTP', onStop);
  try {
    await begin();
    return await interruptible(readTyped(terminal));
  } finally {
    process.removeListener('SIGTSTP', onStop);
    await restoreTerminal(terminal, saved);
    closeSync(terminal);
    asking = false;
    channel.say({say: 'answered'});
  }
}

/** A prompt comes only when nothing shows on the screen. stty(1) may be stopped, and given up, while it waits for `fg`. */
async function hideTyping(terminal: number): Promise<void> {
  for (let attempt = 1; attempt <= tries; attempt++) {
    if (await setTerminal(terminal, ['-echo', 'icanon', 'isig', '-noflsh'])) return;
  }
  throw echoStaysOn();
}

/** Ctrl-D instead of a passphrase says the same as Ctrl-C, and so does a window that is closed. */
function readTyped(terminal: number): Promise<Buffer> {
  return readLine({fd: terminal, awaitsWriter: false}, maximumPassphraseBytes, () => {
    throw new Interrupted('SIGINT');
  });
}

/** Reads up to a newline, which is not part of the passphrase, and not a byte further: the rest is the session's. */
async function readLine(input: Input, maximumBytes: number, onNothing = () => {}): Promise<Buffer> {
  const line = Buffer.allocUnsafeSlow(maximumBytes + 1);
  let length = 0;
  for (;;) {
    const bytesRead = await readSome(input, line, length, 1);
    if (bytesRead === 0 && length === 0) onNothing();
    if (bytesRead === 0 || line[length] === 0x0a) break;
    length += 1;
    if (length > maximumBytes) {
      line.fill(0);
      throw passphraseTooLong(maximumBytes);
    }
  }
  return shrink(line, length);
}

async function readKey(input: Input): Promise<Buffer> {
  let key = Buffer.allocUnsafeSlow(64 * 1024);
  let length = 0;
  for (;;) {
    const bytesRead = await readSome(input, key, length, key.length - length);
    if (bytesRead === 0) return shrink(key, length);
    length += bytesRead;
    if (length > maximumKeyBytes) {
      key.fill(0);
      throw keyFileTooLarge();
    }
    if (length === key.length) {
      const larger = Buffer.allocUnsafeSlow(key.length * 4);
      key.copy(larger);
      key.fill(0);
      key = larger;
    }
  }
}

/** A FIFO, opened without waiting. A pipe that the CLI has open (`/proc/PID/fd/63`) had its writer from the beginning. */
function openedInput(path: string, fd: number): Input {
  return {fd, awaitsWriter: fstatSync(fd).isFIFO() && !path.startsWith('/proc/')};
}

async function readSome(input: Input, buffer: Buffer, offset: number, length: number): Promise<number> {
  for (;;) {
    const bytesRead = await readNow(input.fd, buffer, offset, length);
    if (bytesRead !== 0) input.awaitsWriter = false;
    if (bytesRead === undefined || input.awaitsWriter) await sleep(retryMs);
    else return bytesRead;
  }
}

/** Undefined where something will come but has not yet; 0 at the end, or where nobody writes yet. */
async function readNow(fd: number, buffer: Buffer, offset: number, length: number): Promise<number | undefined> {
  try {
    return (await read(fd, buffer, offset, length, null)).bytesRead;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
    // A terminal that was closed answers EIO: nothing more will come.
    if ((error as NodeJS.ErrnoException).code === 'EIO') return 0;
    throw keyUnreadable(error);
  }
}

function shrink(buffer: Buffer, length: number): Buffer {
  const exact = Buffer.allocUnsafeSlow(length);
  buffer.copy(exact, 0, 0, length);
  buffer.fill(0);
  return exact;
}

function requireNotEmpty(key: Buffer): Buffer {
  if (key.length > 0) return key;
  throw passphraseEmpty();
}

/**
 * What an editor or another system puts into a text file, and nobody can type: the line ending of Windows, and the mark
 * that UTF-8 or UTF-16 begins with.
 */
function foreignBytes(passphrase: Buffer): string | undefined {
  const start = passphrase.subarray(0, 3).toString('hex');
  if (start === 'efbbbf') return 'begins with a byte order mark';
  if (start.startsWith('fffe') || start.startsWith('feff') || passphrase.includes(0)) return 'is in UTF-16';
  return passphrase.at(-1) === 0x0d ? 'ends with a carriage return, as lines of Windows do' : undefined;
}

function refuseForeign(passphrase: Buffer): void {
  const what = foreignBytes(passphrase);
  if (what === undefined) return;
  passphrase.fill(0);
  throw passphraseUntypable(what);
}

/** Others who can read the file have the vault. */
function warnOfReadable(path: string, fd: number, {uid, gid}: Pick<Caller, 'uid' | 'gid'>, channel: CliChannel): void {
  const stat = fstatSync(fd);
  // A group of the user's own, as most systems make one, is nobody else.
  const others = (stat.mode & 0o004) !== 0 || ((stat.mode & 0o040) !== 0 && stat.gid !== gid);
  if (!stat.isFile() || !others) return;
  const shown = printablePath(path);
  const mend = stat.uid === uid ? ` Next: chmod 600 ${shown}` : '';
  channel.say({say: 'warning', text: `Other users can read ${shown}, and with it the vault.${mend}`});
}

/** Ctrl-C or Ctrl-\ at the prompt ends the question, and with it the ghost. */
function interruptible<T>(answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const interrupt = (signal: NodeJS.Signals) => reject(new Interrupted(signal));
    for (const signal of fromKeyboard) process.once(signal, interrupt);
    answer.then(resolve, reject).finally(() => {
      for (const signal of fromKeyboard) process.removeListener(signal, interrupt);
    });
  });
}

/** What Ctrl-C and Ctrl-\ send. */
const fromKeyboard = ['SIGINT', 'SIGQUIT'] as const;

/** The user wants no more questions. */
export class Interrupted extends Error {
  readonly signal: NodeJS.Signals;

  constructor(signal: NodeJS.Signals) {
    super(signal);
    this.signal = signal;
  }
}
