import {type Mount, mountOf, readMounts} from '../kernel/mountinfo.ts';
import type {KeySource} from '../lifecycle/plan.ts';
import {rootCannotAccessImage, rootCannotAccessKey} from './failures.ts';

/**
 * Refuses what lies on a FUSE mount (sshfs, gocryptfs, rclone) that lets only its user in: the kernel keeps root out of
 * it, too. Throws a Failure (77). A private session has no root that would have to look.
 */
export function refuseWhatRootCannotSee(
  image: string,
  key: KeySource,
  mounts: readonly Mount[] = readMounts('self'),
): void {
  const ofImage = closedMount(image, mounts);
  if (ofImage !== undefined) {
    throw rootCannotAccessImage(ofImage);
  }
  const ofKey = key.from === 'file' ? closedMount(key.path, mounts) : undefined;
  if (ofKey === undefined || key.from !== 'file') return;
  throw rootCannotAccessKey(ofKey, key.path, key.form);
}

/** The mount point of the file system that a path is on, if it is such a mount. */
function closedMount(path: string, mounts: readonly Mount[]): string | undefined {
  const found = mountOf(path, mounts);
  if (found === undefined || !/^fuse(\.|$)/.test(found.fsType)) return undefined;
  return found.superOptions.includes('allow_other') || found.superOptions.includes('user_id=0')
    ? undefined
    : found.mountPoint;
}
