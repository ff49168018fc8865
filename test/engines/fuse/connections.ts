import {spawnSync} from 'node:child_process';
import {statSync} from 'node:fs';

/** The FUSE connections of the machine: their numbers are the minor numbers of their devices. */
export function fuseConnections(): number[] {
  // fusectl is not mounted everywhere, so it is mounted for this one look.
  const look = 'mount -t fusectl none /sys/fs/fuse/connections && ls /sys/fs/fuse/connections';
  const {stdout} = spawnSync('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', look], {encoding: 'utf8'});
  return stdout.split('\n').filter(Boolean).map(Number);
}

/** The connection that a file is served by. */
export function connectionOf(path: string): number {
  const {dev} = statSync(path);
  return (dev & 0xff) | ((dev >> 12) & 0xfff00);
}
