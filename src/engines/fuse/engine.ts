import {closeSync, openSync} from 'node:fs';
import {exitCode} from '../../foundation/exit-code.ts';
import type {AttachedDevice, AttachRequest, Engine, Refusal} from '../engine.ts';
import {refusedFor} from '../failures.ts';
import {serveSegment} from './block-server.ts';
import {probeFuse} from './probe.ts';
import {isVolumeKeySize} from './sizes.ts';
import {measureSegment, refuseKeySize, refuseSegment} from './segment.ts';

/** Serves the segment from user space: no device-mapper, no loop device, no kernel crypto. */
export const fuseEngine: Engine = {
  id: 'fuse',
  probe: probeFuse,
  refuse: refuseSegment,
  attach,
};

async function attach({imageFd, readOnly, segment, volumeKey, folder}: AttachRequest): Promise<AttachedDevice> {
  throwRefusal(refuseSegment(segment));
  if (!isVolumeKeySize(volumeKey.length)) throwRefusal(refuseKeySize());
  const mountFile = `${folder}/block`;
  closeSync(openSync(mountFile, 'wx', 0o600));
  return serveSegment({imageFd, readOnly, segment: measureSegment(segment, imageFd), volumeKey, mountFile});
}

function throwRefusal(refusal: Refusal | undefined): void {
  if (refusal !== undefined) throw refusedFor(refusal, exitCode.data);
}
