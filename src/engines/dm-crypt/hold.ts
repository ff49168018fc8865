import {once} from 'node:events';
import {fstatSync, openSync} from 'node:fs';
import {createInterface} from 'node:readline';
import {majorOf, minorOf} from '../../kernel/file-identity.ts';
import {run, start} from '../../kernel/program.ts';
import {noMapping} from '../failures.ts';
import type {MappingNames} from './names.ts';
import {errorTable} from './table.ts';

/** In units of 512 bytes: where the scaffold begins in a file, and how long it is. */
const scaffoldSectors = 128;

/** How long a file must be for a loop device on it to be made. */
export const leastLoopBytes = 2 * scaffoldSectors * 512;

/** A loop device. It ends with the last descriptor of it, or with the last mapping that uses it. */
export type HeldLoop = {
  /** `loop0` */
  readonly loop: string;
  readonly fd: number;
};

/** A mapping, empty at first, that ends with the last of its descriptors. */
export type HeldMapping = {
  /** `dm-0` */
  readonly device: string;
  readonly fd: number;
};

/** Where a holder has its descriptors. */
const [fileAt, heldAt] = [3, 4];

/**
 * A loop device on an open file, and an empty mapping: both marked to end with their last user before anything secret
 * is put into them.
 *
 * The kernel has no call that makes a mapping and marks it in one, nor losetup(8) an option that makes a loop device
 * so; and losetup resolves `/proc/self/fd/N` to a name and opens that, which the image's owner can exchange meanwhile.
 * What does attach a loop device by descriptor, marked from its first moment, is cryptsetup. So:
 *
 * 1. `cryptsetup open --type plain` makes the scaffold: a mapping of a few sectors, read-only, with a random key that
 *    nobody knows, and under it the loop device. The loop device is opened, and the scaffold removed.
 * 2. `dmsetup create` makes the mapping proper with a table of errors, it is opened, and only then can be marked: a
 *    deferred removal of a mapping that nobody uses would be an immediate one.
 *
 * Each is done by one shell in a session of its own, which lives on when the ghost is killed and ends when its
 * standard input does. So a SIGKILL to any one process leaves nothing: if it is the ghost, the shell finishes and lets
 * go; if it is the shell or a program of it, the ghost takes away what there is (`holding`); after this call the
 * descriptors are the ghost's own, and the kernel closes them. Only a kill of both within the few milliseconds between
 * making and opening leaves a scaffold or an empty mapping, which hold no key and no data, and which the next
 * opening removes (`earlier-mapping.ts`).
 *
 * Safe as root: constant programs, names made of a vetted UUID, a number, and an open descriptor; no path of a user.
 */
export async function holdLoop(fileFd: number, scaffold: string): Promise<HeldLoop> {
  return holding([loopScript, 'holder', scaffold], [fileFd], scaffold, (pid, loop) => {
    if (!/^loop\d+$/.test(loop)) throw noMapping('');
    return {loop, fd: openHeld(pid)};
  });
}

/** The mapping for the plaintext, with a table of errors. */
export async function holdMapping(sizeBytes: number, {name, uuid}: MappingNames): Promise<HeldMapping> {
  return holding([mappingScript, 'holder', name, uuid, errorTable(sizeBytes)], [], name, (pid) => {
    const fd = openHeld(pid);
    return {device: `dm-${minorOf(fstatSync(fd, {bigint: true}).rdev)}`, fd};
  });
}

/**
 * Runs a holder, and takes over what it holds when it says so. One that ends before is a Failure (69), and the mapping
 * that it may have left is removed.
 */
async function holding<T>(
  args: readonly string[],
  descriptors: readonly number[],
  left: string,
  takeOver: (pid: number, line: string) => T,
): Promise<T> {
  const holder = start('sh', ['-c', ...args], {stdio: ['pipe', 'pipe', 'pipe', ...descriptors], detached: true});
  let said = '';
  holder.stderr!.on('data', (chunk: Buffer) => (said += chunk.toString('latin1')));
  const exited = once(holder, 'exit');
  const closed = once(holder, 'close');
  try {
    const [line] = await Promise.race([once(createInterface({input: holder.stdout!}), 'line'), closed.then(() => [])]);
    if (typeof line !== 'string') throw noMapping(said);
    const held = takeOver(holder.pid!, line);
    holder.stdin!.end();
    await exited;
    return held;
  } catch (error) {
    holder.kill('SIGKILL');
    await exited;
    await run('dmsetup', ['remove', '--deferred', '--noudevsync', left]);
    throw error;
  }
}

/**
 * DM_DISABLE_UDEV: libdevmapper does not wait for a udev that may not run, or not in this IPC namespace, and makes the
 * nodes below /dev/mapper itself. Nobody would take those away when the kernel removes the mapping, so none stays.
 */
const beginning = `
export DM_DISABLE_UDEV=1
trap '' HUP INT QUIT TERM
trap 'dmsetup remove --deferred "$1"' EXIT
set -e
`;

/** Waits until the ghost has it. What is held ends with the ghost's descriptor then, and else with this shell. */
const ending = `
read -r _ || trap - EXIT
`;

/**
 * The scaffold is read-only and lies beyond the first sectors, which cryptsetup would look through for signatures of
 * file systems; 64 KiB is a whole number of pages everywhere.
 */
const loopScript = `${beginning}
cryptsetup open --type plain --batch-mode --disable-locks --readonly --offset ${scaffoldSectors} --size ${scaffoldSectors} \\
  --cipher aes-xts-plain64 --key-size 512 --key-file /dev/urandom /proc/self/fd/${fileAt} "$1"
loop=$(dmsetup info --columns --noheadings -o blkdevs_used "$1")
exec ${heldAt}<"/dev/$loop"
dmsetup remove --deferred "$1"
echo "$loop"
${ending}`;

const mappingScript = `${beginning}
dmsetup create --addnodeoncreate --uuid "$2" --table "$3" "$1"
exec ${heldAt}<"/dev/mapper/$1"
rm "/dev/mapper/$1"
dmsetup remove --deferred "$1"
echo held
${ending}`;

/**
 * Opens what the holder has open, by its descriptor: names in /dev may be missing in a container, or old.
 *
 * Safe as root: the holder is our own child and waits. What it has is checked again before it is used.
 */
function openHeld(holderPid: number): number {
  return openSync(`/proc/${holderPid}/fd/${heldAt}`, 'r');
}

/** The number of a device that is open, `7:0`. */
export function deviceNumberOf(fd: number): string {
  const {rdev} = fstatSync(fd, {bigint: true});
  return `${majorOf(rdev)}:${minorOf(rdev)}`;
}
