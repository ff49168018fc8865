import {endianness} from 'node:os';
import type {EngineVerdict} from '../engine.ts';
import {refuseFuseDevice} from './device.ts';

/** Whether this process can talk FUSE with the kernel. Whether it may mount as well, only mounting tells. */
export async function probeFuse(): Promise<EngineVerdict> {
  if (endianness() !== 'LE') {
    return {
      usable: false,
      what: 'The fuse engine cannot be used on this processor.',
      why: 'It speaks the kernel’s protocol in little-endian only.',
      next: 'tazpod vault unlock --engine dm-crypt',
    };
  }
  const refusal = refuseFuseDevice();
  return refusal === undefined ? {usable: true} : {usable: false, ...refusal};
}
