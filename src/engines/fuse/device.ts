import {closeSync, constants, openSync} from 'node:fs';
import {exitCode} from '../../foundation/exit-code.ts';
import type {Refusal} from '../engine.ts';
import {refusedFor} from '../failures.ts';

/** Where the kernel offers FUSE: character device 10:229. */
const devicePath = '/dev/fuse';

/**
 * Opens `/dev/fuse`. The descriptor is closed in every program that this process starts, unless it is handed on.
 * Throws a Failure (69) that says what is missing.
 */
export function openFuseDevice(path = devicePath): number {
  try {
    return openSync(path, constants.O_RDWR);
  } catch (error) {
    throw refusedFor(explain(error), exitCode.unavailable, error);
  }
}

/** What keeps this process from using FUSE; undefined when nothing does. */
export function refuseFuseDevice(path = devicePath): Refusal | undefined {
  try {
    closeSync(openSync(path, constants.O_RDWR));
    return undefined;
  } catch (error) {
    return explain(error);
  }
}

function explain(error: unknown): Refusal {
  const inContainer = 'in a container: docker run --cap-add SYS_ADMIN --device /dev/fuse …';
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return {
        what: 'There is no /dev/fuse.',
        why: 'The kernel has no FUSE, its module is not loaded, or this container was not given the device.',
        next: `sudo modprobe fuse; ${inContainer}`,
      };
    case 'ENODEV':
    case 'ENXIO':
      return {
        what: '/dev/fuse exists, but the kernel has no FUSE.',
        why: 'The kernel’s module is not loaded, or the kernel was built without it.',
        next: 'sudo modprobe fuse',
      };
    default:
      return {
        what: 'You cannot open /dev/fuse.',
        why: 'It belongs to another user, or the rules of this container forbid it.',
        next: `sudo chmod 666 /dev/fuse; ${inContainer}`,
      };
  }
}
