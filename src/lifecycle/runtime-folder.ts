/** The XDG_RUNTIME_DIR of a session: in a tmpfs that covers /run/user in the session's mount namespace. */
export function runtimeFolderOf(uid: number): string {
  return `/run/user/${uid}`;
}

/** The same where the machine has no /run/user, as in many containers: in the session's own /dev/shm. */
export const fallbackRuntimeFolder = '/dev/shm/.tazpod-run';
