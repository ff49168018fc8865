import {luksMappingUuid} from '../../kernel/device-mapper.ts';

/** How the mappings of one vault are called. */
export type MappingNames = {
  /** The mapping with the plaintext. */
  readonly name: string;
  /** Its identifier, by which cryptsetup, udev and our own finder know what it is. */
  readonly uuid: string;
  /** The mappings that bring the loop devices into being, see `hold.ts`: that of the image, and that of the copy. */
  readonly scaffolds: {readonly image: string; readonly copy: string};
};

/** The names for the UUID of a LUKS header that was vetted: hexadecimal digits and hyphens. */
export function mappingNames(luksUuid: string): MappingNames {
  const name = `tazpod-${luksUuid.toLowerCase()}`;
  const scaffolds = {image: `${name}-scaffold`, copy: `${name}-copy-scaffold`};
  return {name, uuid: luksMappingUuid(luksUuid, name), scaffolds};
}
