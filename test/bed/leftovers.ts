import {spawnSync} from 'node:child_process';
import {existsSync, readdirSync, readFileSync, readlinkSync, statSync} from 'node:fs';
import {join} from 'node:path';
import {isLocked} from '../../src/kernel/file-lock.ts';
import {type Mount, readMounts} from '../../src/kernel/mountinfo.ts';
import {readCommandLine, readProcessStatus} from '../../src/kernel/process-record.ts';
import {allPids, identifyProcess, isAlive, type ProcessIdentity} from '../../src/kernel/process.ts';
import {fuseConnections} from './fuse-connections.ts';
import {attendants} from './attendants.ts';
import {temporaryFolders} from './user.ts';
import {until} from './until.ts';
import type {TestVault} from './vault.ts';

/** What a test knows of what must be gone. */
export type Remembered = {
  /** Processes that must have ended, beside those that are found by what they do. */
  readonly processes?: readonly ProcessIdentity[];
  /** The user's terminal, which must be the user's again. */
  readonly terminal?: string;
  /** The directory of a plan that no ghost has read may be there: everybody was killed before, and the next call takes it. */
  readonly planFolder?: 'may stay';
  readonly withinMs?: number;
};

/** FUSE connections and loop devices that were there before the tests, by whomever. */
const before = {connections: new Set(fuseConnections()), loops: new Set(attachedLoops())};

/**
 * How long a device that nobody uses may take to go: it may be one that another test, which runs at the same time, is
 * just about to mount or has just killed the ghost of.
 */
const orphanPatienceMs = 45_000;

/**
 * Asks the kernel until nothing of this vault is left: no mount in any namespace, no loop device, FUSE connection,
 * process, lock, temporary file, and the terminal its owner's. Throws an error that lists what is.
 */
export async function expectNothingLeft(vault: TestVault, remembered: Remembered = {}): Promise<void> {
  const {withinMs = 2000} = remembered;
  let left: Leftovers = {vault: [], devices: []};
  const look = async () => {
    left = await findLeftovers(vault, remembered);
    return left.vault.length === 0;
  };
  const seen = () => [...left.vault, ...left.devices.map(({sentence}) => sentence)].join('\n');
  await until('nothing is left', look, {withinMs, seen});
  const gone = async () => (left = await findLeftovers(vault, remembered)).devices.length === 0;
  if (left.devices.length > 0) await until('no device is left', gone, {withinMs: orphanPatienceMs, seen});
}

/** As `src/vault/plan-folder.ts` names them. */
const planFolders = /\/tazpod-[\da-z]+\.[\da-z]+\.[\da-z]+-\w{6}$/;

/** What there is: a sentence each for what is of this vault, and devices that nobody uses. */
export type Leftovers = {readonly vault: readonly string[]; readonly devices: readonly Orphan[]};

/** A device that nobody uses: `loop0`, or the number of a FUSE connection. */
export type Orphan = {readonly device: string; readonly sentence: string};

/** What there is of a vault now. */
export async function findLeftovers(vault: TestVault, remembered: Remembered = {}): Promise<Leftovers> {
  const {owner, image, mountPoint} = vault;
  const world = observeAll();
  const remembers = (remembered.processes ?? []).filter((process) => isAlive(process)).map(({pid}) => pid);
  const suspects = world.filter((process) => remembers.includes(process.pid) || belongsTo(process, vault));
  return {
    vault: [
      ...suspects.map(({pid, command}) => `process ${pid}: ${command}`),
      ...mountsBelow(owner.home, readMounts('self')).map((mount) => `mount on the machine: ${mount.mountPoint}`),
      ...(existsSync(mountPoint) ? readdirSync(mountPoint) : []).map((name) => `in the mount point: ${name}`),
      ...((await heldImage(image)) ? [`a lock on ${image}`] : []),
      ...temporaryFiles(vault)
        .filter((path) => remembered.planFolder === undefined || !planFolders.test(path))
        .map((path) => `temporary file ${path}`),
      ...(remembered.terminal === undefined ? [] : strandedTerminal(remembered.terminal, owner.uid)),
    ],
    devices: orphans(world),
  };
}

/** A process as far as it matters here. */
type Observed = {
  readonly pid: number;
  readonly uid: number;
  readonly command: string;
  readonly mounts: readonly Mount[];
};

function observeAll(): Observed[] {
  return allPids().flatMap((pid) => (attendants.has(pid) ? [] : (observe(pid) ?? [])));
}

function observe(pid: number): Observed | undefined {
  const identity = identifyProcess(pid);
  const status = readProcessStatus(pid);
  if (identity === undefined || status === undefined || !isAlive(identity)) return undefined;
  const command = (readCommandLine(pid) ?? []).map((word) => word.toString()).join(' ');
  return {pid, uid: status.uid.real, command, mounts: mountsOf(pid)};
}

/** A process that is dying, perhaps permanently, has left its namespaces already. */
function mountsOf(pid: number): Mount[] {
  try {
    return readMounts(pid);
  } catch {
    return [];
  }
}

/** By its user, by its command line, or by the mount namespace that it lives in. */
function belongsTo({uid, command, mounts}: Observed, {owner, image}: TestVault): boolean {
  return (
    uid === owner.uid ||
    command.includes(`${owner.home}/`) ||
    command.includes(image) ||
    command.includes(`chown ${owner.uid}:`) ||
    mountsBelow(owner.home, mounts).length > 0
  );
}

function mountsBelow(folder: string, mounts: readonly Mount[]): Mount[] {
  return mounts.filter(({mountPoint}) => mountPoint.startsWith(`${folder}/`));
}

/**
 * Devices that came since, that nobody uses: who uses one is another test of another user, or is listed already. What
 * was made after the processes were listed is looked for among those of now.
 */
function orphans(world: readonly Observed[]): Orphan[] {
  const unused = (among: readonly Observed[]) => [
    ...fuseConnections()
      .filter((id) => !before.connections.has(id) && usersOfConnection(id, among).length === 0)
      .map((id) => ({device: id, what: `FUSE connection ${id}`, number: numberOf(0, Number(id))})),
    ...attachedLoops()
      .filter((loop) => !before.loops.has(loop) && usersOfLoop(loop, among).length === 0)
      .map((loop) => {
        const device = loop.split(' ')[0]!;
        return {device, what: `loop device ${loop}`, number: numberOf(loopMajor, Number(device.slice('loop'.length)))};
      }),
  ];
  if (unused(world).length === 0) return [];
  return unused(observeAll()).map(({device, what, number}) => {
    return {device, sentence: `${what} without a user${holdersOf(number)}`};
  });
}

/** The major number of loop devices. */
const loopMajor = 7;

/** As `st_dev` has it: linux/kdev_t.h, `new_encode_dev`. */
function numberOf(major: number, minor: number): number {
  return (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12);
}

/**
 * Who has a file of a device open although it is no longer mounted anywhere, as a clause. A child asks: it may hang.
 */
function holdersOf(deviceNumber: number): string {
  const {stdout} = spawnSync('sh', ['-c', `find -L /proc/[0-9]*/fd -printf '%D %h\\n' 2>&-`], {
    encoding: 'utf8',
    killSignal: 'SIGKILL',
    timeout: 5000,
  });
  const pids = [...stdout.matchAll(/^(\d+) \/proc\/(\d+)\/fd$/gm)].flatMap(([, device, pid]) =>
    Number(device) === deviceNumber ? [Number(pid)] : [],
  );
  const holders = [...new Set(pids)].map((pid) => `${pid} (${(readCommandLine(pid) ?? []).join(' ')})`);
  return holders.length === 0 ? '' : `, but open in process ${holders.join(', ')}`;
}

function usersOfConnection(id: string, world: readonly Observed[]): number[] {
  return world
    .filter(({pid, mounts}) => mounts.some(({minor, major}) => major === 0 && String(minor) === id) || serves(pid, id))
    .map(({pid}) => pid);
}

/** Newer kernels name the connection of an open /dev/fuse; for older ones every server may be the one. */
function serves(pid: number, connection: string): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      if (linkOf(`/proc/${pid}/fd/${fd}`) !== '/dev/fuse') return false;
      const [, named] = /^fuse_connection:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8')) ?? [];
      return named === undefined || named === connection;
    });
  } catch {
    return false;
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** `loop0 /backing/file`: a device that was taken again by another file is another one. */
function attachedLoops(): string[] {
  return readdirSync('/sys/block')
    .filter((name) => name.startsWith('loop'))
    .flatMap((name) => {
      try {
        const sequence = readFileSync(`/sys/block/${name}/diskseq`, 'utf8').trim();
        return `${name} ${sequence} ${readFileSync(`/sys/block/${name}/loop/backing_file`, 'utf8').trim()}`;
      } catch {
        return [];
      }
    });
}

/** Who has it mounted, or serves the FUSE file system that its backing file lies on. */
function usersOfLoop(description: string, world: readonly Observed[]): number[] {
  const [name = ''] = description.split(' ');
  const {stdout} = spawnSync(
    'losetup',
    ['--list', '--noheadings', '--raw', '--output', 'MAJ:MIN,BACK-MAJ:MIN', `/dev/${name}`],
    {
      encoding: 'utf8',
    },
  );
  // Even raw it pads its columns, and shows each blank as `\x20`.
  const [device, backing] = stdout
    .replaceAll(String.raw`\x20`, ' ')
    .trim()
    .split(/\s+/);
  // It was detached meanwhile, and the next look will not see it.
  if (device === undefined || backing === undefined) return [0];
  const mounted = world.filter(({mounts}) => mounts.some(({major, minor}) => `${major}:${minor}` === device));
  const serving = world.filter(({pid}) => serves(pid, backing.replace('0:', '')));
  return [...mounted, ...serving].map(({pid}) => pid);
}

async function heldImage(image: string): Promise<boolean> {
  return existsSync(image) && statSync(image).isFile() && (await isLocked(image));
}

/** Everything that is the user's in the directories for temporary files, but for what the bed has put there. */
function temporaryFiles({owner, image}: TestVault): string[] {
  const folders = [...temporaryFolders, '/run', owner.runtimeFolder];
  const found = folders.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => !name.startsWith('tmux-'))
      .map((name) => join(folder, name))
      .filter((path) => ownerOf(path) === owner.uid && path !== owner.home),
  );
  const imageFolder = join(image, '..');
  const beside = existsSync(imageFolder) ? readdirSync(imageFolder) : [];
  return [...found, ...beside.map((name) => join(imageFolder, name)).filter((path) => path !== image)];
}

function ownerOf(path: string): number | undefined {
  try {
    return statSync(path).uid;
  } catch {
    return undefined;
  }
}

function strandedTerminal(path: string, uid: number): string[] {
  const owner = ownerOf(path);
  return owner === undefined || owner === uid ? [] : [`the terminal ${path}, which belongs to user ${owner}`];
}
