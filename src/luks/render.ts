import {randomBytes} from 'node:crypto';
import {binaryHeaderSizeBytes, encodeCopy} from './binary-header.ts';
import type {LuksHeader} from './header.ts';
import type {Digest, Kdf, Keyslot, Segment} from './metadata.ts';

/** Flags that cryptsetup keeps in a header to apply at each opening (`persistent_flags` of cryptsetup). */
const knownFlags = [
  'allow-discards',
  'same-cpu-crypt',
  'submit-from-crypt-cpus',
  'no-journal',
  'no-read-workqueue',
  'no-write-workqueue',
];

/**
 * Writes both copies of a vetted header again, from what was understood of it and from nothing else: what another
 * program then reads there is what was vetted, and bytes that only another parser would have seen do not exist.
 * Label, subsystem, tokens and unknown fields are gone.
 */
export function renderHeader(header: LuksHeader): Buffer {
  const json = Buffer.from(JSON.stringify(metadataOf(header)));
  if (json.length >= header.headerSizeBytes - binaryHeaderSizeBytes) {
    throw new RangeError('a vetted header is larger than it was');
  }
  return Buffer.concat([
    encodeCopy(header, randomBytes(64), json, 'primary'),
    encodeCopy(header, randomBytes(64), json, 'secondary'),
  ]);
}

function metadataOf(header: LuksHeader): object {
  return {
    keyslots: byId(header.keyslots, keyslotOf),
    tokens: {},
    segments: byId(header.segments, segmentOf),
    digests: byId(header.digests, digestOf),
    config: {
      json_size: String(header.headerSizeBytes - binaryHeaderSizeBytes),
      keyslots_size: String(header.keyslotsSizeBytes),
      flags: knownFlags.filter((flag) => header.flags.includes(flag)),
    },
  };
}

function keyslotOf(slot: Keyslot): object {
  return {
    type: 'luks2',
    key_size: slot.keySizeBytes,
    priority: {ignore: 0, normal: 1, prefer: 2}[slot.priority],
    af: {type: 'luks1', stripes: slot.af.stripes, hash: slot.af.hash},
    area: {
      type: 'raw',
      offset: String(slot.area.offsetBytes),
      size: String(slot.area.sizeBytes),
      encryption: slot.area.encryption,
      key_size: slot.area.keySizeBytes,
    },
    kdf: kdfOf(slot.kdf),
  };
}

function kdfOf(kdf: Kdf): object {
  if (kdf.type === 'pbkdf2') return {type: kdf.type, hash: kdf.hash, iterations: kdf.iterations, salt: kdf.salt};
  return {type: kdf.type, time: kdf.timeCost, memory: kdf.memoryKiB, cpus: kdf.cpus, salt: kdf.salt};
}

function segmentOf(segment: Segment): object {
  return {
    type: 'crypt',
    offset: String(segment.offsetBytes),
    size: String(segment.sizeBytes),
    iv_tweak: String(segment.ivTweak),
    encryption: segment.encryption,
    sector_size: segment.sectorSizeBytes,
  };
}

function digestOf(digest: Digest): object {
  return {
    type: 'pbkdf2',
    keyslots: digest.keyslots.map(String),
    segments: digest.segments.map(String),
    hash: digest.hash,
    iterations: digest.iterations,
    salt: digest.salt,
    digest: digest.digest,
  };
}

function byId<T extends {readonly id: number}>(items: readonly T[], render: (item: T) => object): object {
  return Object.fromEntries(items.map((item) => [String(item.id), render(item)]));
}
