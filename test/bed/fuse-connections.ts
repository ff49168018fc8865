import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {openSync, readdirSync} from 'node:fs';

const path = '/sys/fs/fuse/connections';

/**
 * The control file system of FUSE. Not every machine has it mounted, so it is mounted in a mount namespace beside, for
 * as long as it takes to open it: a namespace that stayed would also keep what others have mounted meanwhile.
 */
const control = await openControl();

/** The FUSE connections of this machine: minor numbers of their file systems (Documentation/filesystems/fuse.rst). */
export function fuseConnections(): string[] {
  return readdirSync(`/proc/self/fd/${control}`);
}

async function openControl(): Promise<number> {
  const script = `mount -t fusectl fusectl ${path} && echo mounted && read -r _`;
  const holder = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const mounted = await Promise.race([once(holder.stdout, 'data'), once(holder, 'exit').then(() => undefined)]);
  if (mounted === undefined) throw new Error('The FUSE connections cannot be listed.');
  const opened = openSync(`/proc/${holder.pid}/root${path}`, 'r');
  holder.stdin.end();
  await once(holder, 'close');
  return opened;
}
