import {kernelRoots, listKernelFolder, readKernelNumber, readKernelText, type KernelRoots} from './kernel-file.ts';
import {run} from './program.ts';

/** A device of the device-mapper, as sysfs shows it to everyone (Documentation/ABI/testing/sysfs-block-dm). */
export type Mapping = {
  /** Its name under /dev/mapper. */
  readonly name: string;
  /** The identifier that its maker gave it, `CRYPT-LUKS2-…`; empty where none. */
  readonly uuid: string;
  /** The kernel's own name, `dm-0`. */
  readonly device: string;
  readonly major: number;
  readonly minor: number;
  readonly suspended: boolean;
  readonly readOnly: boolean;
  /** The kernel's names of the devices that it lies on: `loop0`. */
  readonly slaves: readonly string[];
};

/**
 * True when device-mapper runs in this kernel, see /proc/misc in proc(5). False where it is a module that is not
 * loaded: opening /dev/mapper/control as root loads it then, see `isDeviceMapperLoadable`.
 */
export function hasDeviceMapper(roots: KernelRoots = kernelRoots): boolean {
  const misc = readKernelText(`${roots.proc}/misc`) ?? '';
  const devices = readKernelText(`${roots.proc}/devices`) ?? '';
  return (
    /^ *\d+ device-mapper$/m.test(misc) ||
    /^ *\d+ device-mapper$/m.test(devices) ||
    readKernelText(`${roots.sys}/class/misc/device-mapper/dev`) !== undefined
  );
}

/** All mappings of this machine. Needs no privilege and no program. */
export function readMappings(roots: KernelRoots = kernelRoots): Mapping[] {
  return listKernelFolder(`${roots.sys}/block`)
    .filter((device) => /^dm-\d+$/.test(device))
    .flatMap((device) => readMapping(device, roots) ?? []);
}

/** One mapping by the kernel's name for it (`dm-0`); undefined if that is not a mapping. */
export function readMapping(device: string, roots: KernelRoots = kernelRoots): Mapping | undefined {
  const folder = `${roots.sys}/block/${device}`;
  const name = readKernelText(`${folder}/dm/name`);
  const [major, minor] = (readKernelText(`${folder}/dev`) ?? '').split(':').map(Number);
  if (name === undefined || major === undefined || minor === undefined) return undefined;
  return {
    name,
    uuid: readKernelText(`${folder}/dm/uuid`) ?? '',
    device,
    major,
    minor,
    suspended: readKernelNumber(`${folder}/dm/suspended`) === 1,
    readOnly: readKernelNumber(`${folder}/ro`) === 1,
    slaves: listKernelFolder(`${folder}/slaves`),
  };
}

/** The identifier that cryptsetup gives a mapping of a LUKS2 device (`dm_prepare_uuid` in its lib/libdevmapper.c). */
export function luksMappingUuid(luksUuid: string, name: string): string {
  return `CRYPT-LUKS2-${luksUuid.replaceAll('-', '')}-${name}`;
}

/**
 * The mappings of one LUKS2 device, by the UUID in its header. A header that was copied has the same UUID: who acts on
 * a mapping compares its slave's backing file too.
 */
export function mappingsOfLuks<T extends {readonly uuid: string}>(mappings: readonly T[], luksUuid: string): T[] {
  const prefix = luksMappingUuid(luksUuid.toLowerCase(), '');
  return mappings.filter(({uuid}) => uuid.toLowerCase().startsWith(prefix.toLowerCase()));
}

/** What `dmsetup info --columns` knows and sysfs does not show: how often the mapping is open. */
export type MappingInfo = {
  readonly name: string;
  readonly uuid: string;
  readonly major: number;
  readonly minor: number;
  readonly openCount: number;
  readonly live: boolean;
  readonly suspended: boolean;
  readonly readOnly: boolean;
};

/** The arguments whose output `parseMappingInfo` reads. Mangled names (`\x20`) cannot hold the separator. */
const infoColumns = 'mangled_name,mangled_uuid,major,minor,open,attr';

/** All mappings as dmsetup(8) lists them. Needs root. Throws a Failure when dmsetup is not installed. */
export async function listMappings(): Promise<MappingInfo[]> {
  const {stdout} = await run('dmsetup', ['info', '--columns', '--noheadings', '--separator', '|', '-o', infoColumns]);
  return parseMappingInfo(stdout.toString('latin1'));
}

/** Lines that are no row are left out: without any mapping dmsetup prints `No devices found` and succeeds. */
export function parseMappingInfo(table: string): MappingInfo[] {
  return table.split('\n').flatMap((line) => {
    const [name, uuid, major, minor, openCount, attributes] = line.trim().split('|');
    if (name === undefined || uuid === undefined || attributes === undefined) return [];
    return {
      name: unmangle(name),
      uuid: unmangle(uuid),
      major: Number(major),
      minor: Number(minor),
      openCount: Number(openCount),
      live: attributes[0] === 'L',
      suspended: attributes[2] === 's',
      readOnly: attributes[3] === 'r',
    };
  });
}

/**
 * True when the kernel removes the mapping as soon as nobody has it open (DM_DEFERRED_REMOVE), false when it does not,
 * undefined when there is no such mapping. Needs root: neither sysfs nor the columns of dmsetup show the flag.
 */
export async function isRemovedWhenClosed({
  major,
  minor,
}: Pick<Mapping, 'major' | 'minor'>): Promise<boolean | undefined> {
  const {code, stdout} = await run('dmsetup', ['info', '--major', String(major), '--minor', String(minor)]);
  return code === 0 ? parseDeferredRemove(stdout.toString('latin1')) : undefined;
}

/** The flag out of `dmsetup info` for one mapping: `State:             ACTIVE (DEFERRED REMOVE)`. */
export function parseDeferredRemove(report: string): boolean | undefined {
  const state = /^State:\s+(.*)$/m.exec(report)?.[1];
  return state?.includes('(DEFERRED REMOVE)');
}

/** libdevmapper writes each byte outside of its white list as \xNN (lib/libdm-string.c, DM_STRING_MANGLING_HEX). */
function unmangle(text: string): string {
  const bytes = text.replace(/\\x([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString();
}
