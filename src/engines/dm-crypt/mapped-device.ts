import {closeSync, fstatSync, statSync} from 'node:fs';
import {pollUntil} from '../../foundation/poll.ts';
import {readMapping} from '../../kernel/device-mapper.ts';
import {readLoopDevices} from '../../kernel/loop.ts';
import {run} from '../../kernel/program.ts';
import type {AttachedDevice, DeviceEnd} from '../engine.ts';
import {mappingNotChanged, mappingNotReleased} from '../failures.ts';
import type {HeldMapping} from './hold.ts';
import type {MappingNames} from './names.ts';
import type {PinnedCopy} from './pinned-copy.ts';

/** The least time for what the kernel does by itself after a last unmount, and for udev, which looks at new devices. */
const settleMs = 500;

/**
 * A mapping with the plaintext, as the engines' interface has it. It lives as long as its descriptor here, or as the
 * last mount of it, whichever is longer.
 *
 * Two tables are loaded. The one that works reads the beginning from `copy`; the one that waits reads all of it from
 * the image. The first is what the superblock is vetted and mounted through. When it is mounted, the kernel has it in
 * memory and reads it no more, and the tables change places.
 */
export function mappedDevice(
  {device, fd: mappingFd}: HeldMapping,
  loop: string,
  copy: PinnedCopy,
  names: MappingNames,
  {sizeBytes, readOnly}: Pick<AttachedDevice, 'sizeBytes' | 'readOnly'>,
): AttachedDevice {
  const backingPath = backingPathOf(loop);
  const path = pathOf(device, mappingFd);
  let pinned = true;
  let end: (how: DeviceEnd) => void;
  const ended = new Promise<DeviceEnd>((resolve) => (end = resolve));
  let detached: Promise<void> | undefined;
  return {
    path,
    kind: 'device',
    sizeBytes,
    readOnly,
    ended,
    // The kernel tells those who sync the file system, and nobody else.
    lost: new Promise(() => {}),
    savePinned: () => {
      if (pinned) copy.save(path);
    },
    followImage,
    detach: ({graceMs = 0} = {}) => (detached ??= detach(graceMs).then(() => end({how: 'detached'}))),
  };

  /**
   * The kernel freezes the file system while the tables change, and writes its superblock again when it thaws it:
   * through the new table, into the image.
   *
   * Safe as root: the mapping is our own and open, and the table that waits was made at its attachment.
   */
  async function followImage(): Promise<void> {
    if (!pinned) return;
    copy.save(path);
    const args = ['resume', '--noudevsync', '--noudevrules', '--addnodeoncreate', names.name];
    const {code, stderr} = await run('dmsetup', args);
    if (code !== 0) {
      throw mappingNotChanged(stderr);
    }
    pinned = false;
    copy.close();
  }

  async function detach(graceMs: number): Promise<void> {
    if (pinned) copy.close();
    closeSync(mappingFd);
    const isThere = (): boolean => readMapping(device)?.uuid === names.uuid;
    if (!(await pollUntil(() => !isThere(), Math.max(graceMs, settleMs)))) await cutOff(names);
    // The kernel releases the image a moment after the mapping has gone.
    await pollUntil(() => backingPathOf(loop) !== backingPath, settleMs);
  }
}

function backingPathOf(loop: string): string | undefined {
  return readLoopDevices().find(({name}) => name === loop)?.backingPath;
}

/**
 * Replaces the table of the mapping by one of errors. The kernel wipes the key and releases the loop device and
 * the image at once; the empty mapping ends with the last process that has it open. What was not written out by then is
 * lost, so nothing is flushed: that might never end.
 *
 * Safe as root: the mapping is named by our own name for it, and its identifier has just been seen.
 */
async function cutOff({name}: MappingNames): Promise<void> {
  const args = [
    'wipe_table',
    '--force',
    '--noflush',
    '--nolockfs',
    '--noudevsync',
    '--noudevrules',
    '--addnodeoncreate',
  ];
  const {code, stderr} = await run('dmsetup', [...args, name]);
  if (code === 0) return;
  throw mappingNotReleased(name, stderr);
}

/** By the kernel's own node where it is there; in a container with a /dev of its own, by the descriptor. */
function pathOf(device: string, fd: number): string {
  const path = `/dev/${device}`;
  try {
    const node = statSync(path);
    if (node.isBlockDevice() && node.rdev === fstatSync(fd).rdev) return path;
  } catch {
    // It is not there.
  }
  return `/proc/${process.pid}/fd/${fd}`;
}
