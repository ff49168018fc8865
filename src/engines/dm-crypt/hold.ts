import {once} from 'node:events';
import {closeSync, fstatSync, openSync} from 'node:fs';
import {createInterface} from 'node:readline';
import {majorOf, minorOf} from '../../kernel/file-identity.ts';
import {run, start} from '../../kernel/program.ts';
import {exitCode} from '../../lifecycle/exit-code.ts';
import {Failure} from '../../lifecycle/failure.ts';
import type {MappingNames} from './names.ts';
import {errorTable} from './table.ts';

/** An empty mapping and the loop device for it. Both end with the last of these descriptors, whatever closes it. */
export type Hold = {
  /** `loop0` */
  readonly loop: string;
  readonly loopFd: number;
  /** `dm-0` */
  readonly device: string;
  readonly mappingFd: number;
};

/** Where the holder has its descriptors. */
const [imageAt, loopAt, mappingAt] = [3, 4, 5];

/**
 * Makes a loop device on an open image, and an empty mapping of `sizeBytes`, both marked to end with their last user
 * before anything secret is put into them.
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
 * All this is done by one shell in a session of its own, which lives on when the ghost is killed and ends when its
 * standard input does. So a SIGKILL to any one process leaves nothing: if it is the ghost, the shell finishes and lets
 * go; if it is the shell or a program of it, the ghost takes away what there is (`letGo`); after this call the
 * descriptors are the ghost's own, and the kernel closes them. Only a kill of both within the few milliseconds between
 * making and opening leaves the scaffold or an empty mapping, which hold no key and no data, and which the next
 * opening removes (`earlier-mapping.ts`).
 *
 * Safe as root: constant programs, names made of a vetted UUID, a number, and an open descriptor; no path of a user.
 */
export async function hold(imageFd: number, sizeBytes: number, names: MappingNames): Promise<Hold> {
  const args = [holderScript, 'holder', names.scaffold, names.name, names.uuid, errorTable(sizeBytes)];
  const holder = start('sh', ['-c', ...args], {stdio: ['pipe', 'pipe', 'pipe', imageFd], detached: true});
  let said = '';
  holder.stderr!.on('data', (chunk: Buffer) => (said += chunk.toString('latin1')));
  const exited = once(holder, 'exit');
  const closed = once(holder, 'close');
  try {
    const [line] = await Promise.race([once(createInterface({input: holder.stdout!}), 'line'), closed.then(() => [])]);
    if (typeof line !== 'string') throw notHeld(said);
    const held = takeOver(holder.pid!, line);
    holder.stdin!.end();
    await exited;
    return held;
  } catch (error) {
    holder.kill('SIGKILL');
    await exited;
    await letGo(names);
    throw error;
  }
}

/**
 * DM_DISABLE_UDEV: libdevmapper does not wait for a udev that may not run, or not in this IPC namespace, and makes the
 * nodes below /dev/mapper itself. Nobody would take those away when the kernel removes the mapping, so none stays.
 *
 * The scaffold is read-only and lies beyond the first sectors, which cryptsetup would look through for signatures of
 * file systems; 64 KiB is a whole number of pages everywhere.
 */
const holderScript = `
export DM_DISABLE_UDEV=1
trap '' HUP INT QUIT TERM
trap 'dmsetup remove --deferred "$1"; dmsetup remove --deferred "$2"' EXIT
set -e
cryptsetup open --type plain --batch-mode --disable-locks --readonly --offset 128 --size 128 \\
  --cipher aes-xts-plain64 --key-size 512 --key-file /dev/urandom /proc/self/fd/${imageAt} "$1"
loop=$(dmsetup info --columns --noheadings -o blkdevs_used "$1")
exec ${loopAt}<"/dev/$loop"
dmsetup remove --deferred "$1"
dmsetup create --addnodeoncreate --uuid "$3" --table "$4" "$2"
exec ${mappingAt}<"/dev/mapper/$2"
rm "/dev/mapper/$2"
dmsetup remove --deferred "$2"
echo "$loop"
read -r _ || trap - EXIT
`;

/**
 * Opens what the holder has open, by its descriptors: names in /dev may be missing in a container, or old.
 *
 * Safe as root: the holder is our own child and waits. What it has is looked at once more before it is used.
 */
function takeOver(holderPid: number, loop: string): Hold {
  if (!/^loop\d+$/.test(loop)) throw notHeld('');
  const loopFd = openSync(`/proc/${holderPid}/fd/${loopAt}`, 'r');
  try {
    const mappingFd = openSync(`/proc/${holderPid}/fd/${mappingAt}`, 'r');
    return {loop, loopFd, device: `dm-${minorOf(fstatSync(mappingFd, {bigint: true}).rdev)}`, mappingFd};
  } catch (error) {
    closeSync(loopFd);
    throw error;
  }
}

/** Takes away what a holder has left that was killed. What is not there is not removed. */
async function letGo({scaffold, name}: MappingNames): Promise<void> {
  for (const each of [scaffold, name]) await run('dmsetup', ['remove', '--deferred', '--noudevsync', each]);
}

function notHeld(said: string): Failure {
  return new Failure(exitCode.unavailable, 'The kernel did not make a mapping for the vault.', {
    why: 'There is no free loop device, or this container may not make one or use device-mapper.',
    next: 'tazpod vault unlock --engine fuse',
    cause: said,
  });
}

/** The number of a device that is open, `7:0`. */
export function deviceNumberOf(fd: number): string {
  const {rdev} = fstatSync(fd, {bigint: true});
  return `${majorOf(rdev)}:${minorOf(rdev)}`;
}
