import {fstatSync, statSync} from 'node:fs';
import {isatty} from 'node:tty';
import {terminalUnreadable} from './failures.ts';
import {majorOf, minorOf} from './file-identity.ts';
import {kernelRoots, readKernelLink, type KernelRoots} from './kernel-file.ts';
import {readProcessStat} from './process-record.ts';
import {run} from './program.ts';

/** A terminal that a descriptor refers to, under a name that means the same device. */
export type Terminal = {
  readonly descriptor: number;
  /** `/dev/pts/3`; verified to be the very file that the descriptor has open. */
  readonly path: string;
  readonly major: number;
  readonly minor: number;
  /** The slave side of a pseudo-terminal, which its owner alone decides who opens; otherwise a console or a line. */
  readonly pseudo: boolean;
  readonly ownerUid: number;
  readonly groupGid: number;
  /** Permission bits, 0o620. */
  readonly mode: number;
};

/** Major numbers of UNIX98 pseudo-terminal slaves (Documentation/admin-guide/devices.txt). */
const firstPseudoTerminal = 136;
const lastPseudoTerminal = 143;

/**
 * The terminal of one descriptor; undefined if it is not a terminal or has no name here.
 *
 * A name alone proves nothing: each container and each ghost has a /dev/pts of its own, and their terminals bear the
 * same names and even the same device numbers. So the named file has to have the device and inode number of the open
 * one. /dev/tty is refused, because it is one device for everybody: a process that changed its owner or mode would
 * change it for the whole machine.
 */
export function terminalOf(descriptor: number, roots: KernelRoots = kernelRoots): Terminal | undefined {
  if (!isatty(descriptor)) return undefined;
  const opened = fstatSync(descriptor, {bigint: true});
  const [major, minor] = [majorOf(opened.rdev), minorOf(opened.rdev)];
  if (!opened.isCharacterDevice() || (major === 5 && minor === 0)) return undefined;
  const path = readKernelLink(`${roots.proc}/self/fd/${descriptor}`);
  if (path === undefined || !path.startsWith('/')) return undefined;
  const named = statSync(path, {bigint: true, throwIfNoEntry: false});
  if (named === undefined || named.dev !== opened.dev || named.ino !== opened.ino) return undefined;
  return {
    descriptor,
    path,
    major,
    minor,
    pseudo: major >= firstPseudoTerminal && major <= lastPseudoTerminal,
    ownerUid: Number(opened.uid),
    groupGid: Number(opened.gid),
    mode: Number(opened.mode & 0o7777n),
  };
}

/** The terminal that the user sits at: the first of standard input, output and error that is one. */
export function standardTerminal(roots: KernelRoots = kernelRoots): Terminal | undefined {
  for (const descriptor of [0, 1, 2]) {
    const terminal = terminalOf(descriptor, roots);
    if (terminal !== undefined) return terminal;
  }
  return undefined;
}

/** Whether this process is in the foreground of its terminal: elsewhere, the terminal is for somebody else to set. */
export function inForeground(): boolean {
  const self = readProcessStat('self');
  return self !== undefined && self.foregroundGroup === self.processGroup;
}

/** How long stty(1) may take. The kernel stops it for good when it sets a terminal from the background (SIGTTOU). */
const sttyTimeoutMs = 5000;

/** All settings of a terminal (echo, line mode, special characters) in a form that only `restoreTerminal` reads. */
export async function saveTerminal(descriptor: number): Promise<string> {
  const {code, stdout} = await run('stty', ['-g'], {stdin: descriptor, timeoutMs: sttyTimeoutMs});
  const settings = stdout.toString('latin1').trim();
  if (code !== 0 || !isSettings(settings)) {
    throw terminalUnreadable();
  }
  return settings;
}

/**
 * Gives a terminal the settings back that `saveTerminal` read. False when that cannot be done: the terminal is gone, or
 * the caller is not in its foreground process group.
 */
export async function restoreTerminal(descriptor: number, settings: string): Promise<boolean> {
  if (!isSettings(settings)) return false;
  return setTerminal(descriptor, [settings]);
}

/** Sets a terminal with arguments of stty(1). False as above. */
export async function setTerminal(descriptor: number, settings: readonly string[]): Promise<boolean> {
  const {code} = await run('stty', settings, {stdin: descriptor, timeoutMs: sttyTimeoutMs});
  return code === 0;
}

/** Hexadecimal numbers between colons; nothing that stty(1) could take for an option. */
function isSettings(text: string): boolean {
  return /^[0-9a-f]+(:[0-9a-f]+)+$/.test(text);
}
