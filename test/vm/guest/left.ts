import {readdirSync} from 'node:fs';
import {readMappings} from '../../../src/kernel/device-mapper.ts';
import {readLoopDevices} from '../../../src/kernel/loop.ts';
import {eventually} from '../../engines/eventually.ts';

/** What the kernel has of vaults: mappings, and loop devices on files below a directory. */
export function kernelHas(folder: string): string[] {
  return [
    ...readMappings().map(({name, slaves}) => `mapping ${name} on ${slaves.join(',')}`),
    ...readLoopDevices()
      .filter(({backingPath}) => backingPath.startsWith(folder))
      .map(({name, autoclear}) => `${name}, ${autoclear ? 'which clears itself' : 'which stays'}`),
    ...readdirSync('/dev/mapper')
      .filter((name) => name !== 'control')
      .map((name) => `/dev/mapper/${name}`),
  ];
}

/** Waits until the kernel has nothing left of a vault. */
export async function expectNothing(folder: string): Promise<void> {
  await eventually('nothing is left', () => kernelHas(folder).length === 0).catch((error: unknown) => {
    throw new Error(`${String(error)}: ${kernelHas(folder).join('; ')}`);
  });
}
