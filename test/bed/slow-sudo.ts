import {join} from 'node:path';

/**
 * A command in front of another one, run by root, in whose mount namespace sudo's output comes to the terminal late, as
 * it does on a busy machine: sudo is behind a relay that waits.
 */
export const slowSudo: readonly string[] = [
  ...['unshare', '--mount', '--propagation=private', 'sh', '-ec'],
  `mount -t tmpfs -o mode=0755 tazpod-test /mnt
cp /usr/bin/sudo /mnt/sudo
chmod 4755 /mnt/sudo
cp "$1" /mnt/relay.py
printf '#!/bin/sh\\nexec python3 /mnt/relay.py /mnt/sudo "$@"\\n' >/mnt/slow-sudo
chmod 755 /mnt/relay.py /mnt/slow-sudo
mount --bind /mnt/slow-sudo /usr/bin/sudo
shift
exec "$@"`,
  'sh',
  join(import.meta.dirname, '../children/slow-relay.py'),
];
