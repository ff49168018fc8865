import {hasDeviceMapper} from '../../kernel/device-mapper.ts';
import {findKernelModule} from '../../kernel/kernel-module.ts';
import {isInitialUserNamespace} from '../../kernel/namespaces.ts';
import {findProgram, packageOf, run} from '../../kernel/program.ts';
import type {EngineVerdict} from '../engine.ts';
import {hasLoopDevices} from '../loop-nodes.ts';

const programs = ['cryptsetup', 'dmsetup', 'losetup'] as const;

/** Whether this process can have the kernel decipher an image. The kernel may load its own modules to answer. */
export async function probeDmCrypt(): Promise<EngineVerdict> {
  if (process.getuid!() !== 0 || isInitialUserNamespace() === false) {
    return refuse('It needs root.', 'tazpod vault unlock --isolation sealed');
  }
  if (!hasDeviceMapper() && findKernelModule('dm_mod') === undefined) {
    return refuse('This kernel has no device-mapper.', 'tazpod vault unlock --engine fuse');
  }
  const missing = programs.find((name) => findProgram(name) === undefined);
  if (missing !== undefined)
    return refuse(`The program ${missing} is not installed.`, `apt-get install ${packageOf(missing)}`);
  if (!hasLoopDevices()) {
    return refuse(
      'There are no loop devices, or this container may not use them.',
      'tazpod vault unlock --engine fuse',
    );
  }
  if (!(await hasCryptTarget())) {
    return refuse('device-mapper cannot be used here, or has no crypt target.', 'tazpod vault unlock --engine fuse');
  }
  return {usable: true};
}

/**
 * Asks the kernel, which loads the module where it has one. dmsetup of 2019 and older, and Linux before 5.5, do not
 * know the question; there the loaded targets and the modules on disk are looked at.
 */
async function hasCryptTarget(): Promise<boolean> {
  const {code} = await run('dmsetup', ['target-version', 'crypt']);
  if (code === 0) return true;
  const loaded = await run('dmsetup', ['targets']);
  if (loaded.code !== 0) return false;
  return /^crypt\s/m.test(loaded.stdout.toString('latin1')) || findKernelModule('dm_crypt') !== undefined;
}

function refuse(why: string, next: string): EngineVerdict {
  return {usable: false, what: 'The dm-crypt engine cannot be used here.', why, next};
}
