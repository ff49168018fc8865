import {spawn, spawnSync} from 'node:child_process';
import {readdirSync} from 'node:fs';
import {atTheEnd} from './made-by.ts';

let folder: string | undefined;

/**
 * The FUSE connections of this machine: minor numbers of their file systems (Documentation/filesystems/fuse.rst). The
 * control file system that lists them is mounted in a mount namespace beside, since not every machine has it mounted.
 */
export function fuseConnections(): string[] {
  folder ??= mountControl();
  return readdirSync(folder);
}

function mountControl(): string {
  const path = '/sys/fs/fuse/connections';
  const holder = spawn('unshare', ['--mount', '--propagation', 'private', 'sleep', 'infinity'], {stdio: 'ignore'});
  holder.unref();
  atTheEnd(() => holder.kill('SIGKILL'));
  // Before `unshare` has become `sleep`, its namespace is not private yet, and a mount would reach the machine.
  const script = `while read -r name < /proc/${holder.pid}/comm && [ "$name" != sleep ]; do :; done
    exec nsenter --mount=/proc/${holder.pid}/ns/mnt mount -t fusectl fusectl ${path}`;
  const {status, stderr} = spawnSync('timeout', ['10', 'sh', '-c', script], {encoding: 'utf8'});
  if (status !== 0) throw new Error(`The FUSE connections cannot be listed: ${stderr}`);
  return `/proc/${holder.pid}/root${path}`;
}
