import type {DoctorContext} from '../../src/doctor/context.ts';
import type {ProgramName} from '../../src/kernel/program.ts';
import {machine, type Recording} from '../kernel/kernel-tree.ts';

/** What the programs of a healthy machine print. */
const versions: Partial<Record<ProgramName, string>> = {
  cryptsetup: 'cryptsetup 2.6.1 flags: UDEV BLKID KEYRING KERNEL_CAPI \n',
  unshare: 'unshare from util-linux 2.38.1\n',
  mke2fs: 'mke2fs 1.47.0 (5-Feb-2023)\n\tUsing EXT2FS Library version 1.47.0\n',
  fuse2fs: 'fusermount3 version: 3.14.0\nfuse2fs 1.47.0 (5-Feb-2023)\n',
};

/** Recorded files of a healthy machine with every engine. */
const recording: Recording = {
  'proc/self/ns/mnt': '→mnt:[4026531841]',
  'proc/self/ns/pid': '→pid:[4026531836]',
  'proc/self/ns/ipc': '→ipc:[4026531839]',
  'proc/self/ns/user': '→user:[4026531837]',
  'proc/self/status': 'Pid:\t5\nPPid:\t1\nUid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\t1000\t1000\nNoNewPrivs:\t0\n',
  'proc/self/coredump_filter': '00000033\n',
  'proc/self/limits': 'Max core file size        0                    unlimited            bytes     \n',
  'proc/filesystems': 'nodev\tproc\nnodev\tdevpts\n\text4\nnodev\tfuse\n',
  'proc/misc': '236 device-mapper\n237 loop-control\n229 fuse\n',
  'proc/swaps': 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n',
  'proc/sys/kernel/core_pattern': 'core\n',
  'proc/sys/kernel/yama/ptrace_scope': '1\n',
  'sys/class/misc/loop-control/dev': '10:237\n',
};

export type Answer = {readonly code?: number; readonly stdout?: string; readonly stderr?: string};

export type Illness = Partial<Omit<DoctorContext, 'roots' | 'run' | 'tryOpen'>> & {
  /** Recorded files that differ from those of a healthy machine; undefined for one that is not there. */
  readonly files?: Readonly<Record<string, string | undefined>>;
  /** Errors of devices that cannot be opened, by their path under /dev. */
  readonly closed?: Readonly<Record<string, string>>;
  /** Programs that are not installed. */
  readonly without?: readonly ProgramName[];
  /** What programs answer, by their command line. */
  readonly answers?: Readonly<Record<string, Answer>>;
};

/** A user's machine in good health, except for its illness. */
export function patient(illness: Illness = {}): DoctorContext & {readonly asked: string[]} {
  const {files = {}, closed = {}, without = [], answers = {}, ...rest} = illness;
  const kept = Object.entries({...recording, ...files}).filter(
    (file): file is [string, string] => file[1] !== undefined,
  );
  const roots = machine(Object.fromEntries(kept));
  const asked: string[] = [];
  return {
    roots,
    modulesFolder: `${roots.sys}/modules`,
    uid: 1000,
    gids: [1000],
    userName: 'ada',
    nodeVersion: '24.1.0',
    nodePath: process.execPath,
    securePath: ['/usr/sbin', '/usr/bin'],
    entry: '/usr/local/lib/node_modules/tazpod/bin/tazpod-ghost',
    hasApt: true,
    findProgram: (name) => (without.includes(name) ? undefined : `/usr/bin/${name}`),
    run: async (name, args) => {
      const line = [name, ...args].join(' ');
      asked.push(line);
      const {code = 0, stdout = '', stderr = ''} = answers[line] ?? {stdout: versions[name] ?? ''};
      return {code, signal: null, stdout: Buffer.from(stdout), stderr: Buffer.from(stderr)};
    },
    tryOpen: (path) => closed[path.slice(roots.dev.length + 1)],
    mayWrite: () => false,
    probeUserNamespace: async () => 'allowed',
    terminal: () => undefined,
    environment: {},
    mountPoint: undefined,
    kdfMemoryLimitKiB: () => 4 * 1024 * 1024,
    asked,
    ...rest,
  };
}
