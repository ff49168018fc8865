import {type ChildProcess, spawn, type StdioOptions} from 'node:child_process';
import {existsSync} from 'node:fs';
import {isExecutable} from '../foundation/access.ts';
import {notInstalled} from './failures.ts';

/** The system programs that TazPod runs, and the Debian package that brings each. The list is closed. */
const packages = {
  cat: 'coreutils',
  chattr: 'e2fsprogs',
  chroot: 'coreutils',
  cryptsetup: 'cryptsetup-bin',
  debugfs: 'e2fsprogs',
  dmsetup: 'dmsetup',
  e2fsck: 'e2fsprogs',
  e4crypt: 'e2fsprogs',
  fallocate: 'util-linux',
  flock: 'util-linux',
  fuse2fs: 'fuse2fs',
  getent: 'libc-bin',
  id: 'coreutils',
  ln: 'coreutils',
  losetup: 'mount',
  mke2fs: 'e2fsprogs',
  mknod: 'coreutils',
  mount: 'mount',
  mv: 'coreutils',
  nsenter: 'util-linux',
  prlimit: 'util-linux',
  script: 'bsdutils',
  setpriv: 'util-linux',
  sh: 'dash',
  stty: 'coreutils',
  sudo: 'sudo',
  sync: 'coreutils',
  umount: 'mount',
  unshare: 'util-linux',
} as const;

export type ProgramName = keyof typeof packages;

/**
 * Programs that parse what somebody else has made, a header or a file system. None of them is ever run with a privilege:
 * `runConfined` is the only way to run one, and the compiler knows no other. (The shell code of the dm-crypt engine calls
 * `cryptsetup open --type plain`, which makes a mapping and parses nothing.)
 */
export type ParserName = 'cryptsetup' | 'debugfs' | 'e2fsck' | 'mke2fs';

/** Programs that do what their arguments say and nothing that a file says. */
export type ToolName = Exclude<ProgramName, ParserName>;

/**
 * Where system programs are looked for: directories that only root may write. The caller's PATH is never asked,
 * because the caller of the privileged process chooses it.
 */
const directories = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** The whole environment of every system program: nothing of the caller's reaches a program that runs as root. */
const programEnvironment: Readonly<Record<string, string>> = {
  LC_ALL: 'C',
  PATH: directories.join(':'),
  SHELL: '/bin/sh',
  // Where no udev runs, libdevmapper would wait for a semaphore that nobody posts.
  ...(existsSync('/run/udev/control') ? {} : {DM_DISABLE_UDEV: '1'}),
};

export type RunOptions = {
  /** Bytes for standard input; without it standard input is empty. */
  readonly input?: Buffer;
  /** File descriptors of this process that the program gets as 3, 4, … */
  readonly descriptors?: readonly number[];
  /** A file descriptor of this process for standard input, instead of `input`. */
  readonly stdin?: number;
  /** A file descriptor of this process for standard output, which the result then does not have. */
  readonly stdout?: number;
  /** Working directory. A directory that was opened before is named by its descriptor: `/proc/PID/fd/N`. */
  readonly cwd?: string;
  /** Runs the program as this user instead of root: what it may not touch, the program cannot be tricked into. */
  readonly as?: {readonly uid: number; readonly gid: number};
  /** Kills the program after this time. */
  readonly timeoutMs?: number;
  /** What `--debug` shows instead of the command line. */
  readonly shownAs?: string;
};

export type ProgramResult = {
  /** Exit code, or null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** May hold a secret: the caller zeroes it. */
  readonly stdout: Buffer;
  readonly stderr: Buffer;
};

/**
 * Programs that may work for seconds. They share descriptors, mounts and locks with this process, so they must not
 * outlive it, by any end: the kernel kills them with it.
 */
const lasting: ReadonlySet<ProgramName> = new Set(['cryptsetup', 'e2fsck', 'fallocate', 'mke2fs', 'sync']);

let trace: (commandLine: string) => void = () => {};

/** Tells `listener` each program that is called, for `--debug`. Arguments never hold a secret. */
export function traceProgramsTo(listener: (commandLine: string) => void): void {
  trace = listener;
}

/** The absolute path of a system program, or undefined where it is not installed. */
export function findProgram(name: ProgramName): string | undefined {
  return directories.map((directory) => `${directory}/${name}`).find(isExecutable);
}

/** The Debian package that brings a program. */
export function packageOf(name: ProgramName): string {
  return packages[name];
}

/** The absolute path of a system program. Throws a Failure (69) that names the package to install. */
export function programPath(name: ProgramName): string {
  const path = findProgram(name);
  if (path !== undefined) return path;
  throw notInstalled(name, packages[name]);
}

/**
 * Runs a system program to its end with a fixed environment and no descriptor but those named.
 * A non-zero exit is a result, not an error.
 */
export function run(name: ToolName, args: readonly string[], options: RunOptions = {}): Promise<ProgramResult> {
  const path = programPath(name);
  trace(options.shownAs ?? [path, ...args].join(' '));
  return new Promise((resolve, reject) => {
    const [file, ...argv] = lasting.has(name) ? bound([path, ...args]) : [path, ...args];
    const child = spawn(file!, argv, {
      cwd: options.cwd ?? '/',
      env: programEnvironment,
      stdio: [
        options.input === undefined ? (options.stdin ?? 'ignore') : 'pipe',
        options.stdout ?? 'pipe',
        'pipe',
        ...(options.descriptors ?? []),
      ],
      ...options.as,
      ...(options.timeoutMs === undefined ? {} : {timeout: options.timeoutMs, killSignal: 'SIGKILL' as const}),
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr!.on('data', (chunk: Buffer) => stderr.push(chunk));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      const result = {code, signal, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr)};
      for (const chunk of stdout) chunk.fill(0);
      resolve(result);
    });
    if (options.input !== undefined) {
      // A program that ends before it has read everything (a refused header, say) is known by its exit code.
      child.stdin!.on('error', () => {});
      child.stdin!.end(options.input);
    }
  });
}

/**
 * Starts a system program that lives beside this process, with the same fixed environment.
 * `detached` gives it a session of its own, which no signal of the terminal reaches.
 */
export function start(
  name: ToolName,
  args: readonly string[],
  options: {readonly stdio: StdioOptions; readonly detached?: boolean},
): ChildProcess {
  const path = programPath(name);
  trace([path, ...args].join(' '));
  return spawn(path, args, {cwd: '/', env: programEnvironment, ...options});
}

/** Starts a program that ends with this process (`bound`), in a session of its own. */
export function startBound(
  name: ToolName,
  args: readonly string[],
  {stdio, deathSignal}: {readonly stdio: StdioOptions; readonly deathSignal?: DeathSignal},
): ChildProcess {
  const [, ...argv] = bound([programPath(name), ...args], deathSignal);
  return start('setpriv', argv, {stdio, detached: true});
}

/** What a bound program gets when this process dies. TERM is for one that then has something left to do. */
export type DeathSignal = 'KILL' | 'TERM';

/**
 * A command that ends with this process, by any end: the kernel kills it when its parent dies. The signal is
 * asked for before the parent is looked at, so that there is no moment at which the parent's death goes unnoticed.
 */
export function bound(command: readonly string[], deathSignal: DeathSignal = 'KILL'): string[] {
  const ask = [programPath('setpriv'), '--pdeathsig', deathSignal, '--'];
  return [...ask, '/bin/sh', '-c', onlyBelow(process.pid), 'sh', ...command];
}

/** Shell code that becomes its arguments if its parent is `pid`, and ends otherwise. */
export function onlyBelow(pid: number): string {
  return `[ "$PPID" -eq ${pid} ] && exec "$@"`;
}
