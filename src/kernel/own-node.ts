/**
 * The Node that runs this process, as the beginning of a command line for one more of TazPod's own programs.
 *
 * Safe as root, and in a sealed session, because of the flag: at SIGUSR1 a Node opens a debugger on a loopback port, for
 * everybody on the machine and without a password, and the user may send signals to their own processes and, through
 * sudo, to the ghost. With the flag Node blocks the signal before it does anything else. `bin/tazpod-ghost` starts no
 * Node that does not know the flag.
 *
 * A program that such a process becomes (execve) still has the signal blocked, so this is not how `launch.ts` starts.
 */
export const ownNode: readonly [string, string] = [process.execPath, '--disable-sigusr1'];
