import {spawnSync} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {closeSync, existsSync, mkdirSync, openSync, rmSync, statSync} from 'node:fs';
import {join} from 'node:path';
import type {AttachedDevice} from '../src/engines/engine.ts';
import {makeFileSystem} from '../src/engines/ext4.ts';
import {fuseEngine} from '../src/engines/fuse/engine.ts';
import {mountByFuse2fs} from '../src/engines/fuse2fs-driver.ts';
import {mountByKernel} from '../src/engines/kernel-driver.ts';
import type {MountedFileSystem} from '../src/engines/mounted-file-system.ts';

/** A way to keep files, ready to be measured in a folder of its own. */
export type Contender = {
  readonly name: string;
  /** Makes what is mounted later. */
  create(folder: string): Promise<void>;
  /** Mounts it, with nothing of it in memory, and returns where. */
  mount(folder: string): Promise<string>;
  unmount(folder: string): Promise<void>;
};

const imageBytes = 768 * 1024 * 1024;
const graceMs = 60_000;

/** Ext4 on a loop device on a file, without any encryption: what the others are measured against. */
export const plain: Contender = {
  name: 'ext4, not encrypted',
  create: async (folder) => makeFileSystem(plainDevice(allocate(join(folder, 'image'))), ownUser),
  async mount(folder) {
    fileSystems.set(folder, await mounted(mountByKernel(plainDevice(join(folder, 'image')), mountPoint(folder))));
    return mountPoint(folder);
  },
  unmount: (folder) => fileSystems.get(folder)!.unmount({graceMs}),
};

/** The fuse engine, and the kernel's ext4 or fuse2fs on what it serves. */
function tazpod(name: string, mountBy: (device: AttachedDevice, folder: string) => Promise<unknown>): Contender {
  const volumeKey = randomBytes(64);
  const attach = async (folder: string): Promise<AttachedDevice> => {
    rmSync(join(folder, 'block'), {force: true});
    const device = await fuseEngine.attach({
      imageFd: openSync(join(folder, 'image'), 'r+'),
      readOnly: false,
      segment: {
        offsetBytes: 0,
        sizeBytes: 'dynamic',
        sectorSizeBytes: 4096,
        ivTweak: 0n,
        encryption: 'aes-xts-plain64',
      },
      luksUuid: '00000000-0000-0000-0000-000000000000',
      volumeKey,
      folder,
    });
    devices.set(folder, device);
    return device;
  };
  return {
    name,
    async create(folder) {
      allocate(join(folder, 'image'));
      const device = await attach(folder);
      await makeFileSystem(device, ownUser);
      await device.detach({graceMs});
    },
    async mount(folder) {
      fileSystems.set(folder, await mounted(mountBy(await attach(folder), mountPoint(folder))));
      return mountPoint(folder);
    },
    async unmount(folder) {
      await fileSystems.get(folder)!.unmount({graceMs});
      await devices.get(folder)!.detach({graceMs});
    },
  };
}

export const tazpodByKernel = tazpod('tazpod, fuse engine', mountByKernel);
export const tazpodByFuse2fs = tazpod('tazpod, fuse2fs', mountByFuse2fs);

/** gocryptfs encrypts file by file; undefined where it is not installed. */
export function gocryptfs(): Contender | undefined {
  if (!existsSync('/usr/bin/gocryptfs')) return undefined;
  const password = ['-q', '-extpass', 'echo', '-extpass', 'bench'];
  return {
    name: 'gocryptfs',
    async create(folder) {
      mkdirSync(join(folder, 'cipher'));
      command('gocryptfs', ['-init', '-scryptn', '10', ...password, join(folder, 'cipher')]);
    },
    async mount(folder) {
      command('gocryptfs', [...password, join(folder, 'cipher'), mountPoint(folder)]);
      return mountPoint(folder);
    },
    async unmount(folder) {
      command('umount', [mountPoint(folder)]);
    },
  };
}

const ownUser = {uid: process.getuid!(), gid: process.getgid!()};
const fileSystems = new Map<string, MountedFileSystem>();
const devices = new Map<string, AttachedDevice>();

async function mounted(mounting: Promise<unknown>): Promise<MountedFileSystem> {
  const fileSystem = await mounting;
  if (typeof fileSystem === 'string') throw new Error(`this takes the kernel's ext4: ${fileSystem}`);
  return fileSystem as MountedFileSystem;
}

function mountPoint(folder: string): string {
  const path = join(folder, 'mounted');
  mkdirSync(path, {recursive: true});
  return path;
}

function allocate(path: string): string {
  closeSync(openSync(path, 'w'));
  command('fallocate', ['--length', String(imageBytes), path]);
  // Blocks that were allocated and never written cost more the first time: the same for all, so paid before.
  command('dd', [
    'if=/dev/zero',
    `of=${path}`,
    'bs=1M',
    `count=${imageBytes / 1024 / 1024}`,
    'conv=notrunc,fsync',
    'status=none',
  ]);
  return path;
}

/** A file as a device: what is in it is what one reads. */
function plainDevice(path: string): AttachedDevice {
  return {
    path,
    kind: 'file',
    sizeBytes: statSync(path).size,
    readOnly: false,
    lost: new Promise(() => {}),
    ended: new Promise(() => {}),
    savePinned: () => {},
    followImage: async () => {},
    detach: async () => {},
  };
}

function command(name: string, args: readonly string[]): void {
  const {status, stderr} = spawnSync(name, args, {encoding: 'utf8'});
  if (status !== 0) throw new Error(`${name} ${args.join(' ')}: ${stderr}`);
}
