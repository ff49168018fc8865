/** Namespaces that a process may have to itself, or with its children: not those of the ghost. */
export type Apart = 'ipc' | 'mnt' | 'net' | 'pid' | 'user';

export type ProcessRow = {
  /** As the tests tell a process by its command line. */
  readonly role: string;
  readonly what: string;
  /** `own`: that nobody else on the machine has. */
  readonly uid: 'root' | 'own' | "the user's";
  /** Capabilities that it has. */
  readonly capabilities: 'all' | 'none' | 'CAP_SYS_ADMIN';
  /** Whether it could have more again. */
  readonly canGain: boolean;
  readonly apart: readonly Apart[];
  readonly reaches: string;
  /** Where its own code begins, as files of src/; without it, it is a program of the system. */
  readonly entries?: readonly string[];
};

/** The processes of a sealed vault that is open with the `fuse` engine. With `dm-crypt` there is no server. */
export const lasting: readonly ProcessRow[] = [
  {
    role: 'the ghost',
    what: 'opens and closes the vault',
    uid: 'root',
    capabilities: 'all',
    canGain: true,
    apart: [],
    reaches: 'the machine; it uses what the plan names, opened with the user’s ids',
    entries: ['ghost/main.ts'],
  },
  {
    role: 'the block server',
    what: 'enciphers and deciphers blocks',
    uid: 'own',
    capabilities: 'none',
    canGain: false,
    apart: ['ipc', 'mnt', 'net'],
    reaches: 'the image, its FUSE connection, the volume key',
    entries: ['engines/fuse/server-process.ts', 'engines/fuse/block-worker.ts', 'engines/fuse/orphan-watch.ts'],
  },
  {
    role: "the terminal's guard",
    what: 'gives the terminal back if the ghost cannot (a shell)',
    uid: 'root',
    capabilities: 'all',
    canGain: true,
    apart: [],
    reaches: 'the machine; it waits for the ghost, and uses the terminal’s device',
  },
  {
    role: 'unshare',
    what: 'made the PID namespace and waits (unshare)',
    uid: 'root',
    capabilities: 'all',
    canGain: true,
    apart: ['ipc', 'mnt'],
    reaches: 'the machine; it waits for the init',
  },
  {
    role: 'the init',
    what: 'ends the session when the ghost ends (a shell)',
    uid: 'root',
    capabilities: 'all',
    canGain: true,
    apart: ['ipc', 'mnt', 'pid'],
    reaches: 'the machine; it reads words of the ghost, and nothing of the session',
  },
  {
    role: 'the shell',
    what: 'the session',
    uid: "the user's",
    capabilities: 'none',
    canGain: false,
    apart: ['ipc', 'mnt', 'pid', 'user'],
    reaches: 'the vault, and what the user may reach',
    entries: ['ghost/session/launch.ts'],
  },
];

/** Programs that run for a moment while it opens, on what somebody else may have chosen. */
export const passing: readonly ProcessRow[] = [
  {
    role: 'cryptsetup, mke2fs, debugfs, e2fsck',
    what: 'derive a key, make and check a file system',
    uid: 'own',
    capabilities: 'none',
    canGain: false,
    apart: ['ipc', 'mnt', 'net', 'pid'],
    reaches: 'one descriptor; a root directory with /usr, four devices and its own /proc',
  },
  {
    role: 'fuse2fs, where no loop device can be had',
    what: 'reads the file system for as long as the session lives',
    uid: 'own',
    capabilities: 'CAP_SYS_ADMIN',
    canGain: false,
    apart: ['ipc', 'net'],
    reaches: 'the block device, files that everybody may read, all that a mount can reach',
  },
  {
    role: 'the closing program',
    what: 'locks a vault from outside, or takes away what is left of one',
    uid: 'root',
    capabilities: 'all',
    canGain: true,
    apart: [],
    reaches: 'the machine; it signals, unmounts and detaches what is of the caller’s own image',
    entries: ['ghost/cleaning/main.ts'],
  },
  {
    role: 'the judge of a new passphrase',
    what: 'estimates how many guesses find it',
    uid: "the user's",
    capabilities: 'none',
    canGain: false,
    apart: ['net', 'user'],
    reaches: 'files that the user may read; it writes none',
    entries: ['strength/judge.ts'],
  },
  {
    role: 'the mover of bridges',
    what: 'moves files of the home into the vault',
    uid: "the user's",
    capabilities: 'none',
    canGain: false,
    apart: ['user'],
    reaches: 'the vault, and what the user may reach',
    entries: ['ghost/bridges/bridge-worker.ts'],
  },
];
