import {setTimeout as sleep} from 'node:timers/promises';
import {mappingsOfLuks, readMappings, type Mapping} from '../../kernel/device-mapper.ts';
import type {FileIdentity} from '../../kernel/file-identity.ts';
import {loopDevicesOf} from '../../kernel/loop.ts';
import {run} from '../../kernel/program.ts';
import type {Failure} from '../../foundation/failure.ts';
import {copyIsOpen, mappedElsewhere, oldMappingInUse} from '../failures.ts';
import {prepareLoops} from '../loop-nodes.ts';
import type {MappingNames} from './names.ts';

/** How long a ghost that was just killed may need until the kernel has written out and closed its vault. */
const closingMs = 5000;
const retryMs = 20;

/**
 * Makes sure that the kernel has no mapping of this vault. Waits for one of this very image that is about to end, and
 * throws a Failure (75) at once where the vault, or a copy of its image, is open.
 *
 * Safe as root: what is removed has one of our own names for a vault whose lock the caller holds, holds no key, and is
 * not open. Both is the kernel's word: only a scaffold has the scaffold's name and identifier, only a mapping without
 * a device below it cannot have been given a key, and a mapping that is open is not removed (EBUSY). All else is left
 * alone, by any name.
 */
export async function clearEarlierMapping(image: FileIdentity, luksUuid: string, names: MappingNames): Promise<void> {
  for (const deadlineMs = performance.now() + closingMs; inTheWay(luksUuid, names).length > 0; await sleep(retryMs)) {
    // Asked before the mappings: of one that ends meanwhile, the loop device is known.
    const loops = await loopsOf(image, inTheWay(luksUuid, names));
    for (const mapping of inTheWay(luksUuid, names)) {
      if (isScaffold(mapping, names) || isEmpty(mapping, names)) {
        await run('dmsetup', ['remove', '--noudevsync', mapping.name]);
      }
    }
    for (const mapping of inTheWay(luksUuid, names)) {
      const isOurs = isScaffold(mapping, names) || mapping.uuid === names.uuid;
      // One that is not mounted yet lies on the image and on a copy of its beginning.
      const onImage = mapping.slaves.length === 0 || mapping.slaves.some((slave) => loops.has(slave));
      if (!onImage && !isScaffold(mapping, names))
        throw copyIsOpen(mapping.name === names.name ? 'that of another session' : printable(mapping.name));
      if (!isOurs || performance.now() >= deadlineMs) throw alreadyOpen(mapping, names);
    }
  }
}

/** Which of the loop devices below these mappings lie on the image: names, `loop0`. */
async function loopsOf(image: FileIdentity, mappings: readonly Mapping[]): Promise<ReadonlySet<string>> {
  const nodes = await prepareLoops(mappings.flatMap(({slaves}) => slaves));
  try {
    return new Set((await loopDevicesOf(image)).map(({name}) => name));
  } finally {
    nodes.forget();
  }
}

/** Mappings of the same LUKS UUID, and those that have one of our names. */
function inTheWay(luksUuid: string, {name, scaffolds}: MappingNames): Mapping[] {
  const mappings = readMappings();
  const ours = [name, scaffolds.image, scaffolds.copy];
  const named = mappings.filter((mapping) => ours.includes(mapping.name));
  return [...new Set([...mappingsOfLuks(mappings, luksUuid), ...named])];
}

/** The Failure for a mapping of this very image, or of an image that is gone. */
function alreadyOpen(mapping: Mapping, names: MappingNames): Failure {
  if (isEmpty(mapping, names)) {
    return oldMappingInUse(mapping.device, mapping.name);
  }
  return mappedElsewhere(printable(mapping.name));
}

/** Left where everything was killed within the milliseconds between its making and its marking. */
function isScaffold({name, uuid}: Mapping, {scaffolds}: MappingNames): boolean {
  return [scaffolds.image, scaffolds.copy].some((scaffold) => name === scaffold && uuid === `CRYPT-PLAIN-${scaffold}`);
}

/** Left in the same way, or by `detach` under a user that did not let go. */
function isEmpty({name, uuid, slaves}: Mapping, names: MappingNames): boolean {
  return name === names.name && uuid === names.uuid && slaves.length === 0;
}

/** The maker of a mapping chooses its name. */
function printable(name: string): string {
  return /^[\w.+:@-]+$/.test(name) ? name : 'of another name';
}
