import {isObject} from '../foundation/shape.ts';
import type {OpenVault} from './message.ts';
import type {VolumeKeyDigest} from './plan.ts';
import {parseStrictJson} from '../foundation/strict-json.ts';

/** The name by which the init of a ghost's PID namespace goes. */
export const initName = 'tazpod-init';

/** The name by which a shell goes that has joined a ghost: the last word of its process, and of the one outside it. */
export const joinedName = 'tazpod-joined';

/**
 * The label of an open vault, as its init process carries it in its arguments. It lives exactly as long as the process
 * and cannot go stale; who reads it trusts it as far as the process's owner.
 */
export function initLabel(vault: OpenVault): [string, string] {
  return [initName, JSON.stringify(vault)];
}

/** Reads a process's arguments back (`sh -c SCRIPT tazpod-init LABEL`), or undefined when it is no such init. */
export function parseInitLabel(argv: readonly string[]): OpenVault | undefined {
  if (argv[3] !== initName || argv[4] === undefined) return undefined;
  let label: unknown;
  try {
    label = parseStrictJson(Buffer.from(argv[4]), {maximumDepth: 2});
  } catch {
    return undefined;
  }
  return isOpenVault(label) ? label : undefined;
}

function isOpenVault(label: unknown): label is OpenVault {
  if (!isObject(label)) return false;
  const fields = label as Partial<Record<keyof OpenVault, unknown>>;
  return (
    typeof fields.uuid === 'string' &&
    (fields.engine === 'fuse' || fields.engine === 'dm-crypt') &&
    (fields.fileSystem === 'ext4' || fields.fileSystem === 'fuse2fs') &&
    (fields.isolation === 'sealed' || fields.isolation === 'private') &&
    (fields.readOnly === undefined || fields.readOnly === true) &&
    typeof fields.imageId === 'string' &&
    typeof fields.image === 'string' &&
    typeof fields.mountPoint === 'string' &&
    Number.isSafeInteger(fields.uid) &&
    isDigest(fields.keyDigest)
  );
}

function isDigest(label: unknown): label is VolumeKeyDigest {
  if (!isObject(label)) return false;
  const fields = label as Partial<Record<keyof VolumeKeyDigest, unknown>>;
  return (
    typeof fields.hash === 'string' &&
    Number.isSafeInteger(fields.iterations) &&
    typeof fields.salt === 'string' &&
    typeof fields.digest === 'string'
  );
}

/** The file by which a lock, from inside or outside, leaves word in the session's own /dev/shm that it was a lock. */
export const lockedMarker = '.tazpod-locked';
