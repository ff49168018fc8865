import {closeSync, read} from 'node:fs';
import {promisify} from 'node:util';
import {identifyFile} from '../../kernel/file-identity.ts';
import {run} from '../../kernel/program.ts';
import {exitCode} from '../../foundation/exit-code.ts';
import type {AttachedDevice, AttachRequest, Engine} from '../engine.ts';
import {keyNotAccepted, mappingNotStarted, noFreeNode, refusedFor} from '../failures.ts';
import {prepareFreeLoop} from '../loop-nodes.ts';
import {clearEarlierMapping} from './earlier-mapping.ts';
import {deviceNumberOf, type HeldLoop, holdLoop, holdMapping} from './hold.ts';
import {mappedDevice} from './mapped-device.ts';
import {mappingNames, type MappingNames} from './names.ts';
import {PinnedCopy} from './pinned-copy.ts';
import {probeDmCrypt} from './probe.ts';
import {openThroughReadOnlyMount} from './read-only-file.ts';
import {measureSegment, refuseSegment} from './segment.ts';
import {cryptTable, pinnedTable} from './table.ts';

const readAt = promisify(read);
const pageBytes = 4096;

/** Lets the kernel decipher the segment: a loop device on the image, and a mapping on that. */
export const dmCryptEngine: Engine = {
  id: 'dm-crypt',
  probe: probeDmCrypt,
  refuse: refuseSegment,
  attach,
};

/**
 * From the image to its plaintext. At no moment is there a key in the kernel that would outlive this process: the
 * mapping is held open and marked for deferred removal before it is given one.
 */
async function attach(request: AttachRequest): Promise<AttachedDevice> {
  const {imageFd, readOnly, segment, luksUuid, folder} = request;
  const volumeKey = Buffer.from(request.volumeKey);
  try {
    const refusal = refuseSegment(segment);
    if (refusal !== undefined) throw refusedFor(refusal, exitCode.data);
    const names = mappingNames(luksUuid);
    await clearEarlierMapping(identifyFile(imageFd), luksUuid, names);
    const sizeBytes = measureSegment(segment, imageFd);
    const copy = new PinnedCopy(imageFd, segment.offsetBytes, readOnly);
    const loops: HeldLoop[] = [];
    let source = imageFd;
    try {
      if (readOnly) source = await openThroughReadOnlyMount(imageFd, folder);
      for (const [fd, scaffold] of [
        [source, names.scaffolds.image],
        [copy.fd, names.scaffolds.copy],
      ] as const) {
        loops.push(await withFreeNode(() => holdLoop(fd, scaffold)));
      }
      const [onImage, onCopy] = loops as [HeldLoop, HeldLoop];
      const mapping = await holdMapping(sizeBytes, names);
      try {
        await passPageCache(onImage, sizeBytes);
        const image = deviceNumberOf(onImage.fd);
        const pinned = {device: deviceNumberOf(onCopy.fd), sizeBytes: copy.sizeBytes};
        const loading = {encryption: segment.encryption, readOnly};
        await loadTable(names, pinnedTable(segment, sizeBytes, volumeKey, image, pinned), loading);
        await resume(names);
        // It waits; see `mapped-device.ts`.
        await loadTable(names, cryptTable(segment, sizeBytes, volumeKey, image), loading);
        return mappedDevice(mapping, onImage.loop, copy, names, {sizeBytes, readOnly});
      } catch (error) {
        closeSync(mapping.fd);
        throw error;
      }
    } catch (error) {
      copy.close();
      throw error;
    } finally {
      // From here on the tables have the loop devices open.
      for (const {fd} of loops) closeSync(fd);
      if (source !== imageFd) closeSync(source);
    }
  } finally {
    volumeKey.fill(0);
  }
}

/** A loop device, whether or not somebody keeps the nodes of loop devices up to date. */
async function withFreeNode(make: () => Promise<HeldLoop>): Promise<HeldLoop> {
  const free = await prepareFreeLoop();
  if (!free.usable) {
    throw noFreeNode(free.why);
  }
  try {
    return await make();
  } finally {
    free.forget();
  }
}

/**
 * Lets the loop device go past the page cache, where that works: through it, it is slower, and as safe. Some kernels
 * accept it on a file system that then answers every access with an error: an overlay, as live systems have it, on a
 * tmpfs. So something is read that nobody has read before.
 */
async function passPageCache({loop, fd}: HeldLoop, sizeBytes: number): Promise<void> {
  const {code} = await run('losetup', ['--direct-io=on', `/dev/${loop}`]);
  if (code !== 0) return;
  const middle = sizeBytes / 2 - ((sizeBytes / 2) % pageBytes);
  const works = await readAt(fd, Buffer.alloc(pageBytes), 0, pageBytes, middle).then(
    () => true,
    () => false,
  );
  if (!works) await run('losetup', ['--direct-io=off', `/dev/${loop}`]);
}

/**
 * Gives the mapping a table with the key, which works from the next `resume` on. The key goes through a pipe, and the
 * table is zeroed.
 *
 * Safe as root: the mapping is our own, open, and ends with us; the table is made of a vetted segment. A kill before
 * the next call leaves a key in a mapping that ends in the same moment.
 */
async function loadTable(
  {name}: MappingNames,
  table: Buffer,
  {encryption, readOnly}: {readonly encryption: string; readonly readOnly: boolean},
): Promise<void> {
  const args = ['load', ...(readOnly ? ['--readonly'] : []), name];
  const loaded = await run('dmsetup', args, {input: table}).finally(() => table.fill(0));
  if (loaded.code === 0) return;
  throw keyNotAccepted(encryption, loaded.stderr);
}

async function resume({name}: MappingNames): Promise<void> {
  const resumed = await run('dmsetup', ['resume', '--noudevsync', '--noudevrules', '--addnodeoncreate', name]);
  if (resumed.code === 0) return;
  throw mappingNotStarted(resumed.stderr);
}
