import {join} from 'node:path';
import type {Context} from 'mocha';
import {skip} from '../skip.ts';
import {NoPackage, unpackedPackage} from '../vm/debian-package.ts';

/**
 * A command in front of another one, run by root, in whose mount namespace sudo and visudo are those of sudo-rs, which
 * Ubuntu has since 25.10. They are Debian trixie's; the C library that they need covers the machine's.
 */
export type SudoRs = readonly string[];

/** Skips where the packages cannot be had. */
export function needsSudoRs(context: Context): SudoRs {
  try {
    return sudoRs();
  } catch (error) {
    if (error instanceof NoPackage) skip(context, error.message);
    throw error;
  }
}

function sudoRs(): SudoRs {
  if (process.arch !== 'x64') throw new NoPackage('the packages of sudo-rs are for x86-64 only');
  const programs = unpackedPackage({name: 'sudo-rs', release: 'trixie', files: ['./usr/lib/cargo/bin/*']});
  const library = unpackedPackage({name: 'libc6', release: 'trixie', files: ['./usr/lib/x86_64-linux-gnu/*']});
  return [
    ...['unshare', '--mount', '--propagation=private', 'sh', '-ec', script, 'sh'],
    ...[join(programs, 'usr/lib/cargo/bin'), join(library, 'usr/lib/x86_64-linux-gnu')],
  ];
}

/**
 * Rules that other tests have made for sudo are left out where sudo-rs has no word for them: it would report them at
 * every call.
 *
 * One mount covers the whole C library, because parts of two do not fit together. The programs are copied first: where
 * they lie, set-user-ID may be switched off.
 */
const script = `programs=$1 library=$2; shift 2
mount -t tmpfs -o mode=0755 tazpod-test /mnt
cp "$programs/sudo" "$programs/visudo" /mnt
chmod 4755 /mnt/sudo
mount -t overlay -o "lowerdir=$library:/usr/lib/x86_64-linux-gnu" tazpod-test /usr/lib/x86_64-linux-gnu
mount --bind /mnt/sudo /usr/bin/sudo
mount --bind /mnt/visudo /usr/sbin/visudo
mkdir /mnt/rules
for rule in /etc/sudoers.d/*; do
  if visudo --check --file="$rule" >/dev/null 2>&1; then cp --preserve "$rule" /mnt/rules; fi
done
mount --bind /mnt/rules /etc/sudoers.d
umount --lazy /mnt
exec "$@"`;
