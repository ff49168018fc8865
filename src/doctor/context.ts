import {closeSync, constants, existsSync, openSync} from 'node:fs';
import {userInfo} from 'node:os';
import {isWritable} from '../foundation/access.ts';
import {kernelRoots, type KernelRoots} from '../kernel/kernel-file.ts';
import {modulesFolder} from '../kernel/kernel-module.ts';
import {probeUserNamespace, type UserNamespaceVerdict} from '../kernel/namespaces.ts';
import {findProgram, run, type ProgramName, type ProgramResult, type ToolName} from '../kernel/program.ts';
import {standardTerminal, type Terminal} from '../kernel/terminal.ts';
import {kdfMemoryLimitKiB} from '../luks/memory.ts';

/** Everything that the doctor knows of the machine, so that a test can put another one in its place. */
export type DoctorContext = {
  readonly roots: KernelRoots;
  /** Where the modules of this kernel lie. */
  readonly modulesFolder: string;
  /** The user who asks, and the groups that he is in. */
  readonly uid: number;
  readonly gids: readonly number[];
  readonly userName: string;
  /** The Node that runs the CLI: its version and path. */
  readonly nodeVersion: string;
  readonly nodePath: string;
  /** The directories in which sudo looks for programs (`secure_path` as Debian, Fedora and Arch ship it). */
  readonly securePath: readonly string[];
  /** The path of bin/tazpod-ghost. */
  readonly entry: string;
  /** Packages are installed by apt here. */
  readonly hasApt: boolean;
  readonly findProgram: (name: ProgramName) => string | undefined;
  readonly run: (name: ProgramName, args: readonly string[]) => Promise<ProgramResult>;
  /** Opens a device for reading and writing and closes it again: undefined, or the error's code. */
  readonly tryOpen: (path: string) => string | undefined;
  /** Whether the user may write there, by any rule; undefined when this process cannot tell for that user. */
  readonly mayWrite: (path: string) => boolean | undefined;
  readonly probeUserNamespace: () => Promise<UserNamespaceVerdict>;
  readonly terminal: () => Terminal | undefined;
  /** Aliases of the user's shells that take the place of latched commands: `FILE:LINE`. */
  readonly aliases?: readonly {readonly command: string; readonly file: string; readonly line: number}[];
  readonly environment: NodeJS.ProcessEnv;
  /** Where the vault is mounted in a session; undefined inside of one, which sees the vault there. */
  readonly mountPoint: string | undefined;
  /** Memory that a key derivation may use. */
  readonly kdfMemoryLimitKiB: () => number;
};

/** The machine that this runs on, and its user. `entry` is the path of bin/tazpod-ghost. */
export function thisMachine(entry: string, mountPoint?: string): DoctorContext {
  const uid = process.getuid!();
  return {
    roots: kernelRoots,
    modulesFolder,
    uid,
    gids: [...new Set([process.getgid!(), ...process.getgroups!()])],
    userName: nameOf(uid),
    nodeVersion: process.versions.node,
    nodePath: process.execPath,
    securePath: ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'],
    entry,
    hasApt: existsSync('/usr/bin/apt-get'),
    findProgram,
    // Of a parser it asks the version, and gives it nothing to parse.
    run: (name, args) => run(name as ToolName, args, {timeoutMs: 10_000}),
    tryOpen,
    mayWrite: (path) => (uid === 0 ? undefined : isWritable(path)),
    probeUserNamespace,
    terminal: standardTerminal,
    environment: process.env,
    mountPoint,
    kdfMemoryLimitKiB,
  };
}

/** A user need not be in the login name database: then it is the number alone. */
function nameOf(uid: number): string {
  try {
    return userInfo().username;
  } catch {
    return String(uid);
  }
}

function tryOpen(path: string): string | undefined {
  try {
    closeSync(openSync(path, constants.O_RDWR | constants.O_NONBLOCK));
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown';
  }
}
