/** In a mount namespace in which everybody may open `/dev/fuse`, as on most machines; a private ghost needs it. */
export const fuseForAll = [
  ...['unshare', '--mount', '--propagation', 'private', 'sh', '-c'],
  'mount -t tmpfs fuse /mnt && mknod -m 666 /mnt/fuse c 10 229 && mount --bind /mnt/fuse /dev/fuse && exec "$@"',
  'sh',
];
