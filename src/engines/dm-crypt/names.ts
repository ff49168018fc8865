import {luksMappingUuid} from '../../kernel/device-mapper.ts';

/** How the mappings of one vault are called. */
export type MappingNames = {
  /** The mapping with the plaintext. */
  readonly name: string;
  /** Its identifier, by which cryptsetup, udev and our own finder know what it is. */
  readonly uuid: string;
  /** The mapping that brings the loop device into being, see `hold.ts`. */
  readonly scaffold: string;
};

/** The names for the UUID of a LUKS header that was vetted: hexadecimal digits and hyphens. */
export function mappingNames(luksUuid: string): MappingNames {
  const name = `tazpod-${luksUuid.toLowerCase()}`;
  return {name, uuid: luksMappingUuid(luksUuid, name), scaffold: `${name}-scaffold`};
}
