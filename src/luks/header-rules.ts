import {afStripes, splitKeySizeBytes} from './anti-forensic.ts';
import {hashSizeOf, isNullCipher, keySizesOf} from './ciphers.ts';
import type {LuksHeader} from './header.ts';
import type {Kdf, Keyslot} from './metadata.ts';
import {inconsistent, malformed, nameOf, restoreHeader} from './refusal.ts';
import type {Refusal, VettingLimits} from './refusal.ts';
import {quoteUntrusted} from './untrusted-text.ts';

type Rule = (header: LuksHeader, limits: VettingLimits) => Refusal | undefined;

/** The rules that a header must pass, in this order, so that the sentence names the cause and not a consequence. */
export const headerRules: readonly Rule[] = [
  vetRequirements,
  vetSegmentKind,
  vetCiphers,
  vetLayout,
  vetSegment,
  vetKeyslots,
  vetDigests,
  vetUuid,
  vetImageSize,
];

const mebibyte = 1024 * 1024;
/** `LUKS2_MAX_KEYSLOTS_SIZE` of cryptsetup. */
const keyslotsSizeLimitBytes = 128 * mebibyte;
/** cryptsetup makes no key slot above 4 GiB. */
const argonMemoryLimitKiB = 4 * 1024 * 1024;
/** cryptsetup makes none above 4, other programs may. */
const argonCpusLimit = 16;

function vetRequirements(header: LuksHeader, limits: VettingLimits): Refusal | undefined {
  const reencrypts =
    header.requirements.some((name) => name.includes('reencrypt')) ||
    header.foreignKeyslotTypes.includes('reencrypt') ||
    header.segments.some((segment) => segment.flags.length > 0);
  if (reencrypts) {
    return malformed('The reencryption of this image is not finished.', 'Its data is encrypted with two keys.', {
      next: `Finish it: cryptsetup reencrypt --resume-only ${nameOf(limits)}`,
    });
  }
  const [unknown] = header.requirements;
  if (unknown === undefined) return undefined;
  return malformed(
    'This image needs a feature that TazPod does not know.',
    `Its header requires ${quoteUntrusted(unknown)}.`,
  );
}

function vetSegmentKind(header: LuksHeader): Refusal | undefined {
  const count = header.segments.length + header.foreignSegmentTypes.length;
  if (count !== 1) {
    return malformed('This image does not have exactly one data segment.', `It has ${count}; TazPod opens one.`);
  }
  const [foreign] = header.foreignSegmentTypes;
  if (foreign !== undefined) {
    return malformed(
      'TazPod does not support how the data of this image is encrypted.',
      `The type of its segment is ${quoteUntrusted(foreign)}.`,
    );
  }
  if (header.segments[0]!.integrity) {
    return malformed('This image has an integrity layer (dm-integrity).', 'TazPod opens only images without it.');
  }
  const [type] = header.foreignKeyslotTypes;
  if (type === undefined) return undefined;
  return malformed('This image has a key slot of an unknown kind.', `Its type is ${quoteUntrusted(type)}.`);
}

function vetCiphers(header: LuksHeader, limits: VettingLimits): Refusal | undefined {
  return (
    vetCipher('the data', header.segments[0]!.encryption, limits) ??
    first(header.keyslots, (slot) => vetCipher(`key slot ${slot.id}`, slot.area.encryption, limits))
  );
}

function vetCipher(part: string, encryption: string, limits: VettingLimits): Refusal | undefined {
  if (isNullCipher(encryption)) {
    return malformed(
      'The header of this image requests no encryption.',
      `It names a null cipher for ${part}. No program creates a vault like that: somebody has changed the header.`,
      {next: `Do not type the passphrase. ${restoreHeader(limits)}`},
    );
  }
  if (keySizesOf(encryption) !== undefined) return undefined;
  return malformed(
    'This image uses a cipher that TazPod does not support.',
    `${quoteUntrusted(encryption)} for ${part}.`,
  );
}

/** Where things lie: header copies, then the area of the key slots, then the data, and nothing over anything else. */
function vetLayout(header: LuksHeader, limits: VettingLimits): Refusal | undefined {
  const areaStart = 2 * header.headerSizeBytes;
  const areaEnd = areaStart + header.keyslotsSizeBytes;
  if (header.keyslotsSizeBytes % 4096 !== 0 || header.keyslotsSizeBytes > keyslotsSizeLimitBytes) {
    return inconsistent('The area of the key slots has an impossible size.', limits);
  }
  const {offsetBytes} = header.segments[0]!;
  if (offsetBytes === 0) {
    return malformed('This is a header without its data.', 'Its data segment is in another file.', {
      next: 'TazPod opens only images that contain their own header.',
    });
  }
  if (offsetBytes < areaEnd) return inconsistent('The data overlaps the header.', limits);
  const areas = header.keyslots.map(({id, area}) => ({id, start: area.offsetBytes, size: area.sizeBytes}));
  areas.sort((a, b) => a.start - b.start);
  let end = areaStart;
  for (const {id, start, size} of areas) {
    if (start % 512 !== 0) return inconsistent(`Key slot ${id} does not begin with a sector.`, limits);
    if (start < end) return inconsistent(`Key slot ${id} overlaps the header or another key slot.`, limits);
    if (size === 0 || start + size > areaEnd) return inconsistent(`Key slot ${id} ends outside its area.`, limits);
    end = start + size;
  }
  return undefined;
}

function vetSegment(header: LuksHeader, limits: VettingLimits): Refusal | undefined {
  const segment = header.segments[0]!;
  const {sectorSizeBytes} = segment;
  if (![512, 1024, 2048, 4096].includes(sectorSizeBytes)) {
    return inconsistent('The data has sectors of an impossible size.', limits);
  }
  if (segment.offsetBytes % 512 !== 0) return inconsistent('The data does not begin with a sector.', limits);
  if (segment.sizeBytes !== 'dynamic' && (segment.sizeBytes === 0 || segment.sizeBytes % sectorSizeBytes !== 0)) {
    return inconsistent('The data is not a whole number of sectors.', limits);
  }
  return undefined;
}

function vetKeyslots(header: LuksHeader, limits: VettingLimits): Refusal | undefined {
  return first(header.keyslots, (slot) => vetKeyslot(slot, limits) ?? vetKdf(slot.id, slot.kdf, limits));
}

function vetKeyslot({id, area, af, keySizeBytes}: Keyslot, limits: VettingLimits): Refusal | undefined {
  if (!keySizesOf(area.encryption)!.includes(area.keySizeBytes)) {
    return inconsistent(`Key slot ${id} is encrypted with a key of an impossible size.`, limits);
  }
  if (af.stripes !== afStripes || hashSizeOf(af.hash) === undefined) {
    return inconsistent(`Key slot ${id} is split in an unknown way.`, limits);
  }
  // cryptsetup reads whole sectors of the split key, without asking whether they all lie in the slot's area.
  if (splitKeySizeBytes(keySizeBytes) > area.sizeBytes) {
    return inconsistent(`Key slot ${id} is too small for its key.`, limits);
  }
  return undefined;
}

function vetKdf(id: number, kdf: Kdf, limits: VettingLimits): Refusal | undefined {
  if (kdf.type === 'pbkdf2') {
    if (hashSizeOf(kdf.hash) === undefined) return inconsistent(`Key slot ${id} names an unknown hash.`, limits);
    if (kdf.iterations === 0) return inconsistent(`Key slot ${id} derives its key with no iterations.`, limits);
    return undefined;
  }
  if (kdf.timeCost === 0) return inconsistent(`Key slot ${id} derives its key with no iterations.`, limits);
  if (kdf.cpus === 0 || kdf.cpus > argonCpusLimit) {
    return inconsistent(`Key slot ${id} derives its key with an impossible number of threads.`, limits);
  }
  // RFC 9106: at least 8 KiB for each lane.
  if (kdf.memoryKiB < 8 * kdf.cpus || kdf.memoryKiB > argonMemoryLimitKiB) {
    return inconsistent(`Key slot ${id} derives its key with an impossible amount of memory.`, limits);
  }
  return undefined;
}

/** One digest for the data, which names the slots whose key opens it. */
function vetDigests(header: LuksHeader, limits: VettingLimits): Refusal | undefined {
  const forData = header.digests.filter((digest) => digest.segments.includes(0));
  if (forData.length !== 1) return inconsistent('The data does not have exactly one key digest.', limits);
  const slots = header.digests.flatMap((digest) => digest.keyslots);
  if (new Set(slots).size !== slots.length) return inconsistent('A key slot belongs to two key digests.', limits);
  const bound = boundKeyslots(header);
  if (bound.length === 0) {
    return malformed('No key slot of this image opens its data.', 'All its passphrases have been removed.', {
      next: restoreHeader(limits),
    });
  }
  const [digest] = forData;
  const hashSizeBytes = hashSizeOf(digest!.hash);
  const digestSizeBytes = Buffer.from(digest!.digest, 'base64').length;
  if (hashSizeBytes === undefined || ![20, hashSizeBytes].includes(digestSizeBytes) || digest!.iterations === 0) {
    return inconsistent('The key digest is of an unknown kind.', limits);
  }
  const sizes = keySizesOf(header.segments[0]!.encryption)!;
  if (new Set(bound.map((slot) => slot.keySizeBytes)).size !== 1 || !sizes.includes(bound[0]!.keySizeBytes)) {
    return inconsistent('The key has a size that does not fit the cipher of the data.', limits);
  }
  return undefined;
}

/** The UUID becomes part of the name of a mapping. */
function vetUuid(header: LuksHeader, limits: VettingLimits): Refusal | undefined {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(header.uuid)) return undefined;
  return inconsistent('The header has no valid UUID.', limits, {
    next: `Give it a new one: cryptsetup luksUUID --uuid $(uuidgen) ${nameOf(limits)}`,
  });
}

function vetImageSize(header: LuksHeader, limits: VettingLimits): Refusal | undefined {
  const segment = header.segments[0]!;
  const available = limits.imageSizeBytes - segment.offsetBytes;
  const needed = segment.sizeBytes === 'dynamic' ? segment.sectorSizeBytes : segment.sizeBytes;
  if (available < needed || (segment.sizeBytes === 'dynamic' && available % segment.sectorSizeBytes !== 0)) {
    return malformed(
      'This image is truncated.',
      `It has ${limits.imageSizeBytes} bytes, which is not what its header describes.`,
      {next: 'Copy it again from its source, or restore a backup.'},
    );
  }
  return undefined;
}

/** The slots whose key opens the data, by the word of the digest. */
export function boundKeyslots(header: LuksHeader): readonly Keyslot[] {
  const bound = header.digests.find((digest) => digest.segments.includes(0))?.keyslots ?? [];
  return header.keyslots.filter((slot) => bound.includes(slot.id));
}

function first<T>(items: readonly T[], judge: (item: T) => Refusal | undefined): Refusal | undefined {
  for (const item of items) {
    const refusal = judge(item);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}
