import {fchownSync, fstatSync, type Stats} from 'node:fs';
import {constants} from 'node:os';
import {programPath, type ProgramName, type ProgramResult, run} from '../kernel/program.ts';
import {makeEmptyRoot} from './empty-root.ts';
import {notConfinedHere} from './failures.ts';
import {type OwnIds, ownIds} from './ids.ts';

export type ConfinedOptions = {
  /**
   * The only files that the program can reach, as `/proc/self/fd/3`, 4, … A regular file of root's becomes the
   * program's, because it opens it again with its own ids.
   */
  readonly files: readonly number[];
  /** Bytes for standard input; without it standard input is empty. */
  readonly input?: Buffer;
  /** A file descriptor of this process for standard output. */
  readonly stdout?: number;
  /** Kills the program after this time on the clock. */
  readonly timeoutMs?: number;
  readonly limits: ConfinedLimits;
};

export type ConfinedLimits = {
  /** The kernel kills the program when it has worked for so long. */
  readonly cpuSeconds: number;
  /** Address space; without it, what the machine has. */
  readonly memoryMiB?: number;
};

/** The first thing on standard error once all is as it should be. Before that, an exit code is not the program's. */
const confinedWord = 'tazpod: confined\n';

/** How the script, chroot(1) and setpriv(1) end when they fail. No program that is run here ends so. */
const notConfined: readonly (number | null)[] = [125, 126, 127];

/** As many processes and threads as the programs need, and a few more. */
const mostProcesses = 64;

/**
 * Runs a program that parses bytes of somebody else's, a header or a file system, where a hole in it gives away nothing
 * but those bytes. It has
 *
 * - no capability, and no way to one: empty sets, `no_new_privs`, and no user namespace of its own, which the kernel
 *   refuses to a process with a changed root directory (user_namespaces(7));
 * - a user and group of its own (`ids.ts`), so that the caller cannot signal or trace it, and it can nobody;
 * - a root directory in which there is next to nothing (`empty-root.ts`), read-only by its owner, and no descriptor but
 *   those named;
 * - no network, and no System V IPC or POSIX queue that anybody else is in;
 * - a PID namespace, in which it can name no process but its own;
 * - limits of time, memory and processes, and no core dump;
 * - an end with this process, whatever ends it: the kernel kills unshare(1) when this process dies, and the first
 *   process of the PID namespace when unshare(1) dies, and with that all others. The first process is a shell that stays
 *   what it is: the change of ids would make the kernel forget whom to kill. That shell starts nothing unless all three
 *   are there, which it sees in the /proc of the machine, when each has asked to end with its parent.
 *
 * Safe as root: constant script; `args` are the program's own, and become no code. Mounts are made in the namespace of
 * this program alone, before it runs.
 *
 * A non-zero exit is a result. Throws a Failure (69) where the kernel refuses to confine it: it does not run then.
 */
export async function runConfined(
  name: ProgramName,
  args: readonly string[],
  {files, limits, ...given}: ConfinedOptions,
): Promise<ProgramResult> {
  const command = programPath(name);
  const ids = idsFor(files);
  const root = makeEmptyRoot();
  try {
    const inside = [String(process.pid), root.folder, ...powerless(ids), '--', command, ...args];
    const apart = ['--mount', '--net', '--ipc', '--pid', '--propagation', 'private', '--fork', '--kill-child=KILL'];
    const script = ['/bin/sh', '-c', scriptOf(limits, ids), 'sh', ...inside];
    const bound = ['--pdeathsig', 'KILL', '--', programPath('unshare'), ...apart, '--', ...script];
    const shownAs = `confined: ${[command, ...args].join(' ')}`;
    return asEnded(await run('setpriv', bound, {descriptors: files, shownAs, ...given}));
  } finally {
    root.remove();
  }
}

/**
 * Shell code for the first process of the PID namespace: $1 is the ghost, $2 the root directory, the rest a command
 * line for setpriv(1). It still sees the mounts of the machine, and with them the /proc in which its parents have numbers.
 */
function scriptOf({cpuSeconds, memoryMiB}: ConfinedLimits, ids: ConfinedIds | undefined): string {
  const limits = [
    '-c 0',
    `-t ${cpuSeconds}`,
    ...(memoryMiB === undefined ? [] : [`-v ${memoryMiB * 1024}`]),
    // Counted for each user, and so only for one that has no other processes.
    ...(ids === undefined ? [] : [`-p ${mostProcesses}`]),
  ];
  return [
    'read -r _ _ _ up _ </proc/self/stat && read -r _ _ _ ghost _ </proc/"$up"/stat && [ "$ghost" = "$1" ] || exit 125',
    'root=$2; shift 2',
    'mount --no-mtab --all --fstab "$root/fstab" </dev/null >&2 || exit 125',
    // A limit of the caller's that is lower stays.
    ...limits.map((limit) => `ulimit ${limit} 2>/dev/null`),
    'umask 077',
    `printf '${confinedWord.replace('\n', '\\n')}' >&2`,
    'chroot "$root" "$@"',
    'exit $?',
  ].join('\n');
}

type ConfinedIds = OwnIds & {
  /** The group that lets it open a device. */
  readonly deviceGroup?: number;
};

/** Words for setpriv(1). The ids come last of what changes, so that nothing is left with which they could be changed. */
function powerless(ids: ConfinedIds | undefined): string[] {
  const groups = ids?.deviceGroup === undefined ? '--clear-groups' : `--groups=${ids.deviceGroup}`;
  return [
    programPath('setpriv'),
    ...(ids === undefined ? [] : [`--reuid=${ids.uid}`, `--regid=${ids.gid}`, groups]),
    ...['--inh-caps=-all', '--ambient-caps=-all', '--bounding-set=-all', '--no-new-privs'],
  ];
}

/**
 * The ids with which the program can open its files. A block device stays whose it is: it is opened by its group, which
 * opens nothing else in an empty root directory. One that only root may open is opened by a root without capabilities.
 */
function idsFor(files: readonly number[]): ConfinedIds | undefined {
  const ids = ownIds('parser');
  if (ids === undefined) return undefined;
  let deviceGroup: number | undefined;
  for (const fd of files) {
    const stat = fstatSync(fd);
    if (stat.isFile() && stat.uid === 0) fchownSync(fd, ids.uid, ids.gid);
    if (!stat.isBlockDevice()) continue;
    if (!opensToGroup(stat)) return undefined;
    deviceGroup = stat.gid;
  }
  return deviceGroup === undefined ? ids : {...ids, deviceGroup};
}

function opensToGroup({mode, gid}: Stats): boolean {
  return gid !== 0 && (mode & 0o060) === 0o060;
}

/**
 * As if the program had been a child of this process: the shell tells of a signal by a number. A result without the word
 * is that of a program that never ran, and must not be taken for the word of e2fsck that all is well.
 */
function asEnded({code, signal, stdout, stderr}: ProgramResult): ProgramResult {
  const began = stderr.subarray(0, confinedWord.length).toString('latin1') === confinedWord;
  if (signal === null && (!began || notConfined.includes(code))) {
    throw notConfinedHere(stderr);
  }
  const ended = {stdout, stderr: stderr.subarray(began ? confinedWord.length : 0)};
  const name = Object.entries(constants.signals).find(([, number]) => code !== null && code === 128 + number)?.[0];
  return name === undefined ? {...ended, code, signal} : {...ended, code: null, signal: name as NodeJS.Signals};
}
