import {headerSizesBytes, binaryHeaderSizeBytes} from './binary-header.ts';
import {MalformedHeaderJson, parseHeaderJson} from './header-json.ts';
import type {JsonObject, JsonValue} from './header-json.ts';

/** How a key slot turns a passphrase into the key of its area. `salt` is base64 of 32 bytes. */
export type Kdf =
  | {
      readonly type: 'argon2i' | 'argon2id';
      readonly timeCost: number;
      readonly memoryKiB: number;
      readonly cpus: number;
      readonly salt: string;
    }
  | {readonly type: 'pbkdf2'; readonly hash: string; readonly iterations: number; readonly salt: string};

export type Keyslot = {
  readonly id: number;
  readonly priority: 'ignore' | 'normal' | 'prefer';
  readonly kdf: Kdf;
  readonly area: {
    readonly offsetBytes: number;
    readonly sizeBytes: number;
    readonly encryption: string;
    readonly keySizeBytes: number;
  };
  /** The anti-forensic splitter: the key is spread over `stripes` times its size. */
  readonly af: {readonly stripes: number; readonly hash: string};
  /** Size of the volume key that the slot holds. */
  readonly keySizeBytes: number;
};

export type Segment = {
  readonly id: number;
  readonly offsetBytes: number;
  /** `dynamic`: up to the end of the image. */
  readonly sizeBytes: number | 'dynamic';
  /** Added to the number of each 512-byte unit; modulo 2^64. */
  readonly ivTweak: bigint;
  readonly encryption: string;
  readonly sectorSizeBytes: number;
  readonly integrity: boolean;
  readonly flags: readonly string[];
};

/** Tells the right volume key from a wrong one. `salt` and `digest` are base64. */
export type Digest = {
  readonly id: number;
  readonly keyslots: readonly number[];
  readonly segments: readonly number[];
  readonly hash: string;
  readonly iterations: number;
  readonly salt: string;
  readonly digest: string;
};

/** What somebody has noted about key slots: a program how it gets their keys, TazPod what they are called. */
export type Token = {
  readonly id: number;
  readonly type: string;
  readonly keyslots: readonly number[];
  /** What kind of key TazPod has noted; its own tokens only have that. */
  readonly keyKind: string | undefined;
};

/** What the JSON area of a header copy says. Nothing in it is believed yet: `vet.ts` judges it. */
export type Metadata = {
  readonly keyslotsSizeBytes: number;
  readonly keyslots: readonly Keyslot[];
  /** Key slots that hold no key for a passphrase, such as those of a reencryption. */
  readonly foreignKeyslotTypes: readonly string[];
  readonly segments: readonly Segment[];
  /** Segments that are not simply encrypted: plain ones, self-encrypting disks. */
  readonly foreignSegmentTypes: readonly string[];
  readonly digests: readonly Digest[];
  /** Never passed on to a program that has a key. */
  readonly tokens: readonly Token[];
  /** Features that a reader must know. */
  readonly requirements: readonly string[];
  readonly flags: readonly string[];
};

/** A JSON area that does not have the form of LUKS2 metadata. The message holds no byte of it. */
export class MalformedMetadata extends Error {
  constructor(problem: string) {
    super(problem);
    this.name = 'MalformedMetadata';
  }
}

/** What the types of TazPod's own tokens begin with; the name of the key follows. */
export const keyTokenPrefix = 'tazpod-key:';

/** `LUKS2_KEYSLOTS_MAX`, `LUKS2_DIGEST_MAX` of cryptsetup. */
export const objectLimit = 32;
const digestLimit = 8;

/**
 * Reads the JSON area of a copy: text, then zeros to the end.
 * Forms are those that cryptsetup's `LUKS2_hdr_validate` accepts, and stricter where that one leaves a choice.
 * Throws MalformedMetadata.
 */
export function parseMetadata(area: Buffer): Metadata {
  const end = area.indexOf(0);
  if (end === -1) throw new MalformedMetadata('its metadata has no end');
  if (area[0] !== 0x7b) throw new MalformedMetadata('its metadata is not a JSON object');
  for (let offset = end; offset < area.length; offset += 1) {
    if (area[offset] !== 0) throw new MalformedMetadata('something follows its metadata');
  }
  const root = new Section('', parse(area.subarray(0, end)));
  const keyslots = root.section('keyslots');
  const segments = root.section('segments');
  const digests = root.section('digests');
  const config = root.section('config');

  const keyslotIds = keyslots.ids(objectLimit);
  const segmentIds = segments.ids(objectLimit);
  checkHeaderSize(config, area.length);
  return {
    keyslotsSizeBytes: config.size('keyslots_size'),
    keyslots: keyslotIds.flatMap((id) => readKeyslot(keyslots.section(String(id)), id)),
    foreignKeyslotTypes: foreignTypes(keyslots, keyslotIds, 'luks2'),
    segments: segmentIds.flatMap((id) => readSegment(segments.section(String(id)), id)),
    foreignSegmentTypes: foreignTypes(segments, segmentIds, 'crypt'),
    digests: digests.ids(digestLimit).map((id) => readDigest(digests.section(String(id)), id, keyslotIds, segmentIds)),
    tokens: readTokens(root.section('tokens'), keyslotIds),
    requirements: config.has('requirements') ? config.section('requirements').strings('mandatory') : [],
    flags: config.strings('flags'),
  };
}

function parse(text: Buffer): JsonValue {
  try {
    return parseHeaderJson(text);
  } catch (error) {
    if (error instanceof MalformedHeaderJson)
      throw new MalformedMetadata(`its metadata cannot be read: ${error.message}`);
    throw error;
  }
}

function checkHeaderSize(config: Section, areaSizeBytes: number): void {
  if (config.size('json_size') !== areaSizeBytes) {
    throw new MalformedMetadata('its metadata and its binary part disagree on its size');
  }
  if (!headerSizesBytes.some((size) => size - binaryHeaderSizeBytes === areaSizeBytes)) {
    throw new MalformedMetadata('LUKS2 does not allow its size');
  }
}

function foreignTypes(section: Section, ids: readonly number[], own: string): readonly string[] {
  return ids.map((id) => section.section(String(id)).string('type')).filter((type) => type !== own);
}

function readKeyslot(slot: Section, id: number): Keyslot[] {
  if (slot.string('type') !== 'luks2') return [];
  const area = slot.section('area');
  const af = slot.section('af');
  area.expect('type', 'raw');
  af.expect('type', 'luks1');
  return [
    {
      id,
      priority: readPriority(slot),
      kdf: readKdf(slot.section('kdf')),
      area: {
        offsetBytes: area.size('offset'),
        sizeBytes: area.size('size'),
        encryption: area.string('encryption'),
        keySizeBytes: area.integer('key_size'),
      },
      af: {stripes: af.integer('stripes'), hash: af.string('hash')},
      keySizeBytes: slot.integer('key_size'),
    },
  ];
}

function readPriority(slot: Section): Keyslot['priority'] {
  const priority = slot.has('priority') ? slot.integer('priority') : 1;
  return (['ignore', 'normal', 'prefer'] as const)[priority] ?? slot.malformed('priority');
}

function readKdf(kdf: Section): Kdf {
  const type = kdf.string('type');
  const salt = kdf.base64('salt', 32, 32);
  if (type === 'pbkdf2') return {type, hash: kdf.string('hash'), iterations: kdf.integer('iterations'), salt};
  if (type !== 'argon2i' && type !== 'argon2id') return kdf.malformed('type');
  return {type, timeCost: kdf.integer('time'), memoryKiB: kdf.integer('memory'), cpus: kdf.integer('cpus'), salt};
}

function readSegment(segment: Section, id: number): Segment[] {
  if (segment.string('type') !== 'crypt') return [];
  return [
    {
      id,
      offsetBytes: segment.size('offset'),
      sizeBytes: segment.string('size') === 'dynamic' ? 'dynamic' : segment.size('size'),
      ivTweak: segment.unsigned64('iv_tweak'),
      encryption: segment.string('encryption'),
      sectorSizeBytes: segment.integer('sector_size'),
      integrity: segment.has('integrity'),
      flags: segment.strings('flags'),
    },
  ];
}

function readDigest(digest: Section, id: number, keyslotIds: readonly number[], segmentIds: readonly number[]): Digest {
  digest.expect('type', 'pbkdf2');
  return {
    id,
    keyslots: digest.references('keyslots', keyslotIds),
    segments: digest.references('segments', segmentIds),
    hash: digest.string('hash'),
    iterations: digest.integer('iterations'),
    salt: digest.base64('salt', 32, 32),
    // 20 bytes in headers converted from LUKS1, else the size of the hash.
    digest: digest.base64('digest', 20, 64),
  };
}

function readTokens(tokens: Section, keyslotIds: readonly number[]): readonly Token[] {
  return tokens.ids(objectLimit).map((id) => {
    const token = tokens.section(String(id));
    const type = token.string('type');
    const isOurs = type.startsWith(keyTokenPrefix) && token.has('kind');
    return {
      id,
      type,
      keyslots: token.references('keyslots', keyslotIds),
      keyKind: isOurs ? token.string('kind') : undefined,
    };
  });
}

/** One object of the metadata, with its place in it for messages. Places are made of our own words and of numbers. */
class Section {
  readonly #place: string;
  readonly #object: JsonObject;

  constructor(place: string, value: JsonValue | undefined) {
    this.#place = place;
    if (!(value instanceof Map)) throw new MalformedMetadata(`${place} is missing, or is not an object`);
    this.#object = value as JsonObject;
  }

  has(key: string): boolean {
    return this.#object.has(key);
  }

  section(key: string): Section {
    return new Section(this.#name(key), this.#object.get(key));
  }

  /** The keys, which must be the decimal numbers below the limit, in the order of the text. */
  ids(limit: number): number[] {
    return [...this.#object.keys()].map((key) => {
      if (!/^(?:0|[1-9][0-9]?)$/.test(key) || Number(key) >= limit) {
        throw new MalformedMetadata(`${this.#place} has an entry whose name is not a number below ${limit}`);
      }
      return Number(key);
    });
  }

  string(key: string): string {
    const value = this.#object.get(key);
    return typeof value === 'string' && value.length > 0 ? value : this.malformed(key);
  }

  expect(key: string, wanted: string): void {
    if (this.string(key) !== wanted) this.malformed(key);
  }

  /** An unsigned integer of at most 32 bits. */
  integer(key: string): number {
    const value = this.#object.get(key);
    return typeof value === 'bigint' && value >= 0n && value <= 0xffff_ffffn ? Number(value) : this.malformed(key);
  }

  /** An unsigned integer of 64 bits, which JSON holds as a decimal string. */
  unsigned64(key: string): bigint {
    const value = this.string(key);
    if (!/^(?:0|[1-9][0-9]{0,19})$/.test(value)) return this.malformed(key);
    const number = BigInt(value);
    return number < 1n << 64n ? number : this.malformed(key);
  }

  /** The same for sizes and offsets; no image reaches 2^53 bytes. */
  size(key: string): number {
    const value = this.unsigned64(key);
    return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : this.malformed(key);
  }

  /** Canonical base64 that decodes to so many bytes. */
  base64(key: string, minimumBytes: number, maximumBytes: number): string {
    const value = this.string(key);
    const bytes = Buffer.from(value, 'base64');
    const fits = bytes.length >= minimumBytes && bytes.length <= maximumBytes;
    return fits && bytes.toString('base64') === value ? value : this.malformed(key);
  }

  /** An array of strings; empty if it is absent. */
  strings(key: string): readonly string[] {
    const value = this.#object.get(key);
    if (value === undefined) return [];
    if (!Array.isArray(value)) return this.malformed(key);
    return value.map((item: JsonValue) => (typeof item === 'string' ? item : this.malformed(key)));
  }

  /** An array of decimal strings, each the name of something that exists, none twice. */
  references(key: string, existing: readonly number[]): readonly number[] {
    if (!this.has(key)) this.malformed(key);
    const names = this.strings(key);
    if (new Set(names).size !== names.length) this.malformed(key);
    return names.map((name) => existing.find((id) => String(id) === name) ?? this.malformed(key));
  }

  malformed(key: string): never {
    throw new MalformedMetadata(`${this.#name(key)} is missing, or not what it must be`);
  }

  #name(key: string): string {
    return this.#place === '' ? key : `${this.#place}.${key}`;
  }
}
