import {spawnSync} from 'node:child_process';
import {readdirSync} from 'node:fs';
import {join} from 'node:path';
import {NoPackage, unpackedPackage} from './debian-package.ts';

/** A Linux kernel that can be booted, and its modules. */
export type Kernel = {
  /** As `uname -r` says it. */
  readonly release: string;
  /** The bootable file. */
  readonly image: string;
  /** What is to be /lib/modules. */
  readonly modules: string;
};

/** The parts that a virtual machine with block devices and file systems needs: a tenth of the package. */
const folders = [
  ...['arch', 'block', 'crypto', 'fs', 'lib', 'mm', 'net/9p'],
  ...['block', 'char', 'dax', 'md', 'nvdimm', 'virtio'].map((name) => `drivers/${name}`),
];

/** Debian's kernel. Throws a NoPackage when it cannot be had. */
export function debianKernel(): Kernel {
  if (process.arch !== 'x64') throw new NoPackage('the virtual machine is for x86-64 only');
  const folder = unpackedPackage({
    name: 'linux-image-amd64',
    dependency: /^linux-image-\d/,
    files: [
      './boot/vmlinuz-*',
      './lib/modules/*/modules.*',
      ...folders.map((name) => `./lib/modules/*/kernel/${name}/*`),
    ],
    finish: indexModules,
  });
  const modules = join(folder, 'lib/modules');
  const [release] = readdirSync(modules);
  return {release: release!, image: join(folder, `boot/vmlinuz-${release!}`), modules};
}

/** Writes what modprobe(8) looks at, which the package leaves to its installation. */
function indexModules(folder: string): void {
  const [release] = readdirSync(join(folder, 'lib/modules'));
  const {status, stderr} = spawnSync('/usr/sbin/depmod', ['--basedir', folder, release!], {encoding: 'utf8'});
  if (status !== 0) throw new Error(`depmod failed: ${stderr}`);
}
