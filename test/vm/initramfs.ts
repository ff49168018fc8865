import {spawnSync} from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import {basename, join} from 'node:path';
import {gzipSync} from 'node:zlib';
import {root} from '../../scripts/setup.js';
import type {Kernel} from './kernel.ts';

/** What must be in the kernel before its root can be mounted. */
const modules = ['virtio_pci', '9pnet_virtio', '9p', 'overlay'];

/**
 * Packs the initial RAM disk: busybox, a few modules, and the two scripts beside this file. `folder` is an empty
 * directory for it; returns the path of the file.
 */
export function makeInitramfs(kernel: Kernel, folder: string): string {
  const tree = join(folder, 'initramfs');
  for (const name of ['bin', 'dev', 'lower', 'modules', 'proc', 'root', 'sys', 'upper']) {
    mkdirSync(join(tree, name), {recursive: true});
  }
  copyFileSync(busybox(), join(tree, 'bin/busybox'));
  chmodSync(join(tree, 'bin/busybox'), 0o755);
  const files = [...new Set(modules.flatMap((name) => filesOfModule(kernel, name)))];
  for (const file of files) copyFileSync(file, join(tree, 'modules', basename(file)));
  writeFileSync(join(tree, 'modules/order'), files.map((file) => `${basename(file)}\n`).join(''));
  writeFileSync(join(tree, 'modules/folder'), `${kernel.modules}\n`);
  writeFileSync(join(tree, 'modules/checkout'), `${root}\n`);
  writeFileSync(join(tree, 'init'), readFileSync(new URL('init.sh', import.meta.url)), {mode: 0o755});
  writeFileSync(join(tree, 'agent.sh'), readFileSync(new URL('agent.sh', import.meta.url)));

  copyConfiguration(join(tree, 'etc'));

  const packed = spawnSync('sh', ['-c', 'find . | cpio --quiet --create --format=newc --owner=+0:+0'], {
    cwd: tree,
    maxBuffer: 256 * 1024 * 1024,
  });
  if (packed.status !== 0) throw new Error(`cpio failed: ${packed.stderr.toString()}`);
  const path = join(folder, 'initramfs.gz');
  writeFileSync(path, gzipSync(packed.stdout, {level: 1}));
  return path;
}

/**
 * The machine's /etc as it is now, without the users that other tests have made. Read through 9p it would change under
 * the machine's hands, which no file system takes well. What this user may not read is left out.
 */
function copyConfiguration(folder: string): void {
  spawnSync('cp', ['--recursive', '--no-dereference', '--preserve=mode,timestamps,links', '/etc', folder]);
  for (const name of ['group', 'gshadow', 'passwd', 'shadow', 'subgid', 'subuid']) {
    const path = join(folder, name);
    if (!existsSync(path)) continue;
    const lines = readFileSync(path, 'utf8').split('\n');
    writeFileSync(path, lines.filter((line) => !line.startsWith('tazpod-test-')).join('\n'));
  }
  for (const name of readdirSync(join(folder, 'sudoers.d'))) {
    if (name.startsWith('tazpod-test-')) rmSync(join(folder, 'sudoers.d', name));
  }
}

/** A module and what it needs, in the order in which they are loaded; none for what is compiled in. */
function filesOfModule(kernel: Kernel, name: string): string[] {
  const basedir = join(kernel.modules, '../..');
  const args = ['--dirname', basedir, '--set-version', kernel.release, '--show-depends', name];
  const {status, stdout, stderr} = spawnSync('/usr/sbin/modprobe', args, {encoding: 'utf8'});
  if (status !== 0) throw new Error(`The kernel has no ${name}: ${stderr}`);
  return [...stdout.matchAll(/^insmod (\S+)/gm)].map(([, file]) => file!);
}

/** Debian's busybox-static: nothing else would run before the root is there. */
function busybox(): string {
  return '/usr/bin/busybox';
}
