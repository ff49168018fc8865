import {once} from 'node:events';
import {openSync, writeFileSync} from 'node:fs';
import {identityMap, readIdMap} from '../kernel/namespaces.ts';
import {start} from '../kernel/program.ts';
import {noUserNamespace} from './failures.ts';

/**
 * Makes the user namespace that the session will live in, and returns a descriptor of it.
 *
 * A mount namespace alone hides nothing from another process of the same user: `/proc/PID/root` leads into it. The
 * kernel lets a process look into another (ptrace(2), "Ptrace access mode checking") only if it has CAP_SYS_PTRACE in
 * the other's user namespace. That of a sealed session is made by root, so its owner is root and the user has no
 * capability in it.
 *
 * Safe as root: an identity map gives nobody a new id. The session that enters has no capability, can gain none
 * (`no_new_privs`, empty bounding set) and so is nobody there that it is not outside.
 *
 * Throws a Failure (69) where the kernel gives not even root a user namespace.
 */
export async function makeUserNamespace(): Promise<number> {
  // The holder keeps the namespace alive until a descriptor does; its first byte says that it is there.
  const holder = start('unshare', ['--user', '--', '/bin/sh', '-c', 'echo; exec cat'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  try {
    const there = await Promise.race([once(holder.stdout!, 'data'), once(holder, 'close').then(() => undefined)]);
    if (there === undefined) {
      throw noUserNamespace();
    }
    writeFileSync(`/proc/${holder.pid}/uid_map`, identityMap(readIdMap('uid')));
    writeFileSync(`/proc/${holder.pid}/gid_map`, identityMap(readIdMap('gid')));
    return openSync(`/proc/${holder.pid}/ns/user`, 'r');
  } finally {
    holder.stdin!.end();
  }
}
