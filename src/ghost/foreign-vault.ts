import type {TopDirectory} from '../engines/top-directory.ts';
import {shellWord} from '../foundation/shell-word.ts';
import type {Caller} from './caller.ts';
import {foreignOwner} from './failures.ts';

/**
 * What is in the way of a user whose vault was filled by another account: one of another machine with another number,
 * or root, as plain mkfs.ext4 leaves it. Throws a Failure (77) where the user could not even enter the vault; returns a
 * warning where it can be read and not written.
 */
export function judgeOwner(top: TopDirectory, caller: Caller, image: string): string | undefined {
  const {sessionUid} = caller;
  if (top.uid === sessionUid) return undefined;
  const adopt = `tazpod vault adopt --image ${shellWord(image)}`;
  const owner = top.uid === 0 ? 'root' : `uid ${top.uid}`;
  const may = permissionsOf(top, caller);
  if (!may.search) {
    throw foreignOwner(owner, sessionUid, adopt);
  }
  if (may.write) return undefined;
  return `The top directory of the vault belongs to ${owner}, so you (uid ${sessionUid}) cannot write there. Next: ${adopt}`;
}

/** As the kernel asks the bits of a mode; access control lists are not looked at. */
function permissionsOf({mode, gid}: TopDirectory, {sessionGid, groups}: Caller): {search: boolean; write: boolean} {
  const bits = sessionGid === gid || groups.includes(gid) ? mode >> 3 : mode;
  return {search: (bits & 1) !== 0, write: (bits & 3) === 3};
}
