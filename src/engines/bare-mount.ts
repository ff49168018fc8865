/**
 * Arguments of mount(8) and umount(8) in a mount namespace of one's own: no helper program, nothing written into a
 * list that other namespaces read, and each path taken as it is.
 */
export const bareMount: readonly string[] = ['--internal-only', '--no-mtab', '--no-canonicalize'];
