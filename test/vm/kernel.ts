import {spawnSync} from 'node:child_process';
import {accessSync, constants, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync} from 'node:fs';
import {homedir} from 'node:os';
import {join} from 'node:path';

/** A Linux kernel that can be booted, and its modules. */
export type Kernel = {
  /** As `uname -r` says it. */
  readonly release: string;
  /** The bootable file. */
  readonly image: string;
  /** What is to be /lib/modules. */
  readonly modules: string;
};

/** Why there is no kernel, as the reason of a skipped test. */
export class NoKernel extends Error {}

const metaPackage = 'linux-image-amd64';

/** The parts of the kernel package that a virtual machine with block devices and file systems needs: a tenth of it. */
const wanted = [
  './boot/vmlinuz-*',
  './lib/modules/*/modules.*',
  ...['arch', 'block', 'crypto', 'fs', 'lib', 'mm', 'net/9p'].map((folder) => `./lib/modules/*/kernel/${folder}/*`),
  ...['block', 'char', 'dax', 'md', 'nvdimm', 'virtio'].map((folder) => `./lib/modules/*/kernel/drivers/${folder}/*`),
];

/**
 * Debian's kernel. It is downloaded by apt once and kept in the user's cache; who wants a newer one removes it there.
 * Throws a NoKernel when it cannot be had.
 */
export function debianKernel(): Kernel {
  const cache = join(homedir(), '.cache/tazpod/vm');
  return keptKernel(cache) ?? download(cache);
}

function keptKernel(cache: string): Kernel | undefined {
  const folder = join(cache, 'kernel');
  if (!existsSync(folder)) return undefined;
  const modules = join(folder, 'lib/modules');
  const [release] = readdirSync(modules);
  return {release: release!, image: join(folder, `boot/vmlinuz-${release!}`), modules};
}

function download(cache: string): Kernel {
  if (process.arch !== 'x64') throw new NoKernel('the virtual machine is for x86-64 only');
  if (!isInstalled('apt-get') || !isInstalled('dpkg-deb')) throw new NoKernel('there is no apt to get a kernel with');
  mkdirSync(cache, {recursive: true});
  const folder = mkdtempSync(join(cache, 'download-'));
  try {
    const name = packageName() ?? packageName({afterUpdate: true});
    if (name === undefined) throw new NoKernel(`apt knows no package ${metaPackage}`);
    // The lists may be older than what the mirror still has.
    if (!get(name, folder) && !(update() && get(packageName() ?? name, folder))) {
      throw new NoKernel('apt could not download a kernel');
    }
    const [file] = readdirSync(folder);
    unpack(join(folder, file!), join(folder, 'kernel'));
    renameSync(join(folder, 'kernel'), join(cache, 'kernel'));
  } catch (error) {
    // Another run of the tests may have been faster.
    if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
  return keptKernel(cache)!;
}

/** The package that the meta package stands for, `linux-image-6.1.0-32-amd64`. */
function packageName({afterUpdate = false} = {}): string | undefined {
  if (afterUpdate) update();
  const {stdout} = spawnSync('apt-cache', ['depends', metaPackage], {encoding: 'utf8'});
  return /Depends: (linux-image-\d\S+)/.exec(stdout)?.[1];
}

function update(): boolean {
  return spawnSync('apt-get', ['-qq', 'update']).status === 0;
}

function get(name: string, folder: string): boolean {
  return spawnSync('apt-get', ['-qq', 'download', name], {cwd: folder}).status === 0;
}

function unpack(file: string, folder: string): void {
  mkdirSync(folder);
  const tar = 'dpkg-deb --fsys-tarfile "$1" | tar --extract --directory "$2" --wildcards "${@:3}"';
  const unpacked = spawnSync('bash', ['-o', 'pipefail', '-c', tar, 'bash', file, folder, ...wanted], {
    encoding: 'utf8',
  });
  if (unpacked.status !== 0) throw new Error(`The kernel package could not be unpacked: ${unpacked.stderr}`);
  const [release] = readdirSync(join(folder, 'lib/modules'));
  const indexed = spawnSync('/usr/sbin/depmod', ['--basedir', folder, release!], {encoding: 'utf8'});
  if (indexed.status !== 0) throw new Error(`depmod failed: ${indexed.stderr}`);
}

/** Whether a program can be found where system programs are. */
export function isInstalled(program: string): boolean {
  return ['/usr/sbin', '/usr/bin', '/sbin', '/bin'].some((directory) => {
    try {
      accessSync(join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
