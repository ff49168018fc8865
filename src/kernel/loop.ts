import {deviceNumber, sameFile, type FileIdentity} from './file-identity.ts';
import {
  kernelRoots,
  listKernelFolder,
  readKernelFile,
  readKernelNumber,
  readKernelText,
  type KernelRoots,
} from './kernel-file.ts';
import {run} from './program.ts';

/** A loop device that has a backing file, as sysfs shows it to everyone (drivers/block/loop.c). */
export type LoopDevice = {
  /** `loop0` */
  readonly name: string;
  /** `/dev/loop0` */
  readonly path: string;
  /**
   * Path of the backing file, for eyes: as it was in the mount namespace in which the device was set up, with
   * ` (deleted)` behind it when it no longer has a name.
   */
  readonly backingPath: string;
  /** The device clears itself when its last user closes it. */
  readonly autoclear: boolean;
  /** It reads and writes the backing file past the page cache. */
  readonly directIo: boolean;
  readonly readOnly: boolean;
  /** Where in the backing file the device begins. */
  readonly offsetBytes: number;
  /** Size of the device, 0 for the rest of the file. */
  readonly sizeLimitBytes: number;
};

/** All loop devices in use. Needs no privilege and no program. */
export function readLoopDevices(roots: KernelRoots = kernelRoots): LoopDevice[] {
  return listKernelFolder(`${roots.sys}/block`)
    .filter((name) => /^loop\d+$/.test(name))
    .sort((one, other) => Number(one.slice(4)) - Number(other.slice(4)))
    .flatMap((name) => {
      const folder = `${roots.sys}/block/${name}`;
      // The directory `loop` is there only while the device has a backing file.
      const backing = readKernelText(`${folder}/loop/backing_file`);
      if (backing === undefined) return [];
      const flag = (file: string): boolean => readKernelText(`${folder}/${file}`) === '1';
      return {
        name,
        path: `${roots.dev}/${name}`,
        backingPath: backing,
        autoclear: flag('loop/autoclear'),
        directIo: flag('loop/dio'),
        readOnly: flag('ro'),
        offsetBytes: readKernelNumber(`${folder}/loop/offset`) ?? 0,
        sizeLimitBytes: readKernelNumber(`${folder}/loop/sizelimit`) ?? 0,
      };
    });
}

/**
 * The loop devices on this very file, under any name: what the kernel itself says (LOOP_GET_STATUS64, which losetup
 * calls; it is loop(4)'s only way from a device to its file's inode). The kernel answers only a caller that may open
 * the device, which mostly means root: others get an empty list.
 *
 * `--raw` and not `--json`: JSON numbers would round an inode number of 64 bits.
 */
export async function loopDevicesOf(image: FileIdentity, roots: KernelRoots = kernelRoots): Promise<LoopDevice[]> {
  const devices = readLoopDevices(roots);
  if (devices.length === 0) return [];
  const {stdout} = await run('losetup', ['--raw', '--noheadings', '--list', '--output', 'NAME,BACK-INO,BACK-MAJ:MIN']);
  const backing = parseLosetup(stdout.toString('latin1'));
  return devices.filter(({name}) => {
    const identity = backing.get(name);
    return identity !== undefined && sameFile(identity, image);
  });
}

/**
 * The backing file of each device name (`loop0`), out of `losetup --raw --noheadings --list --output
 * NAME,BACK-INO,BACK-MAJ:MIN`. Columns are separated by one space; blanks within one are written as \x20, and
 * util-linux up to 2.39 pads the last column with them. A device that losetup may not open has empty columns.
 */
export function parseLosetup(table: string): Map<string, FileIdentity> {
  const found = new Map<string, FileIdentity>();
  for (const line of table.split('\n')) {
    const [path, ino, device] = line.split(' ').map((column) => column.replaceAll('\\x20', ' ').trim());
    const [, major, minor] = /^(\d+):(\d+)$/.exec(device ?? '') ?? [];
    if (path === undefined || major === undefined || minor === undefined || !/^\d+$/.test(ino ?? '')) continue;
    found.set(path.slice(path.lastIndexOf('/') + 1), {
      dev: deviceNumber(Number(major), Number(minor)),
      ino: BigInt(ino!),
    });
  }
  return found;
}

/** True when this kernel can make loop devices: the driver is there, with the node that hands out free ones. */
export function hasLoopControl(roots: KernelRoots = kernelRoots): boolean {
  return readKernelFile(`${roots.sys}/class/misc/loop-control/dev`) !== undefined;
}
