import {flipByte, setField, setPlace, setText} from './forge.ts';
import type {Change} from './forge.ts';
import {placesOf, valueAt, withValue} from './json-tree.ts';
import type {JsonTree} from './json-tree.ts';

/**
 * What a fault is to a copy of the header whose checksum is right:
 * - `damage`: the copy cannot be read; the other one counts;
 * - `danger`: the copy can be read, and an image whose header says that is refused;
 * - `warning`: it opens, with a warning;
 * - `difference`: it opens, and only a difference between the copies is a reason to warn;
 * - `nothing`: it opens, in any case without a word.
 */
export type Kind = 'damage' | 'danger' | 'warning' | 'difference' | 'nothing';

export type Fault = {
  readonly name: string;
  readonly change: Change;
  readonly kind: Kind;
  /** What the refusal says, for a danger. */
  readonly says?: RegExp;
  /** Exit code of the refusal, if it is not 65. */
  readonly exitCode?: number;
  /** Seen before the checksum is. */
  readonly beforeChecksum?: true;
  /** The right passphrase of key slot 0 does not open it. */
  readonly locks?: true;
};

type Details = Pick<Fault, 'says' | 'exitCode' | 'locks' | 'beforeChecksum'>;

/** One place of the metadata with another value. */
function place(name: string, value: JsonTree | undefined, kind: Kind, details: Details = {}): Fault {
  const shown = value === undefined ? 'taken away' : `set to ${short(JSON.stringify(value))}`;
  return {name: `${name} ${shown}`, change: setPlace(name, value), kind, ...details};
}

/** One field of the binary part with another value. */
function field(
  name: Parameters<typeof setField>[0],
  value: Parameters<typeof setField>[1],
  kind: Kind,
  details: Details = {},
): Fault {
  const shown = typeof value === 'bigint' ? `0x${value.toString(16)}` : short(JSON.stringify(value.toString('latin1')));
  return {name: `binary field ${name} set to ${shown}`, change: setField(name, value), kind, ...details};
}

function short(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** The text with one more section. */
function withExtra(text: string, value: string): string {
  return `${text.slice(0, -1)},"extra":${value}}`;
}

const unsound = {says: /is invalid/};
const noEncryption = {says: /requests no encryption/};
const unknownCipher = {says: /a cipher that TazPod does not support/};
const reencryption = {says: /reencryption of this image is not finished/};
const unknownFeature = {says: /needs a feature/};
const tooLong = {says: /too long/};

/** Faults of the binary part. Sizes other than 16 KiB are in a test of their own: they move what follows. */
export const binaryFaults: readonly Fault[] = [
  field('magic', 'LUKS\xba\xbf', 'danger', {beforeChecksum: true}),
  field('version', 0n, 'damage'),
  field('version', 3n, 'danger', {beforeChecksum: true, says: /a newer version of LUKS/}),
  field('version', 0xffffn, 'danger', {beforeChecksum: true, says: /a newer version of LUKS/}),
  ...[0n, 1n, 0x1000n, 0x3fffn, 0x4001n, 0x8000n, 0x400000n, 0x800000n, 1n << 31n, 1n << 63n, (1n << 64n) - 1n].map(
    (size) => field('headerSize', size, 'damage'),
  ),
  field('sequence', 0n, 'difference'),
  field('sequence', (1n << 64n) - 1n, 'difference'),
  field('label', '\xff'.repeat(48), 'difference'),
  field('label', '\x1b[2J\x07', 'difference'),
  field('subsystem', '\n'.repeat(48), 'difference'),
  field('checksumAlgorithm', '', 'damage'),
  field('checksumAlgorithm', 'sha512', 'damage'),
  field('checksumAlgorithm', 'md5', 'damage'),
  field('checksumAlgorithm', 'SHA256', 'damage'),
  field('checksumAlgorithm', 'x'.repeat(32), 'damage'),
  field('salt', '', 'nothing'),
  field('salt', '\xaa'.repeat(64), 'nothing'),
  field('uuid', '', 'danger', unsound),
  field('uuid', 'vault', 'danger', unsound),
  field('uuid', '../../../../dev/mapper/control', 'danger', unsound),
  field('uuid', '00000000-0000-0000-0000-00000000000', 'danger', unsound),
  field('uuid', '00000000-0000-0000-0000-000000000000\n', 'danger', unsound),
  field('uuid', '-'.repeat(40), 'danger', unsound),
  field('uuid', '01234567-89ab-cdef-0123-456789abcdef', 'difference'),
  field('headerOffset', 1n, 'damage'),
  field('headerOffset', 0x8000n, 'damage'),
  field('headerOffset', (1n << 64n) - 1n, 'damage'),
  {name: 'a byte of the padding before the checksum inverted', change: flipByte(300), kind: 'nothing'},
  {name: 'a byte of the padding after the checksum inverted', change: flipByte(600), kind: 'nothing'},
  {name: 'the last byte of the padding inverted', change: flipByte(4095), kind: 'nothing'},
];

/** Faults of the JSON text, made from the text that is there. */
export function textFaults(metadata: JsonTree): readonly Fault[] {
  const text = JSON.stringify(metadata);
  const nested = (depth: number): string => withExtra(text, '['.repeat(depth) + ']'.repeat(depth));
  const faults: [string, string | Buffer, Kind][] = [
    ['no text', '', 'damage'],
    ['an array instead of an object', '[]', 'damage'],
    ['an empty object', '{}', 'damage'],
    ['half of the text', text.slice(0, text.length / 2), 'damage'],
    ['a space before the text', ` ${text}`, 'damage'],
    ['a newline after the text', `${text}\n`, 'difference'],
    ['spaces within the text', JSON.stringify(metadata, null, 2), 'difference'],
    ['a byte after the text', `${text}x`, 'damage'],
    ['a second text after the first', `${text}${text}`, 'damage'],
    ['a byte after the end of the text', `${text}\0x`, 'damage'],
    ['a byte at the end of the area', `${text}${'\0'.repeat(0x3000 - text.length - 1)}x`, 'damage'],
    ['a text that fills the area', text + ' '.repeat(0x3000 - text.length), 'damage'],
    ['a text that leaves one byte of the area', text + ' '.repeat(0x2fff - text.length), 'difference'],
    ['a comma before the end', `${text.slice(0, -1)},}`, 'damage'],
    ['a comment', `/**/${text}`, 'damage'],
    ['a comment within', text.replace('{', '{/**/'), 'damage'],
    ['a byte order mark', `\ufeff${text}`, 'damage'],
    ['single quotes', text.replaceAll('"', "'"), 'damage'],
    ['NaN as a value', withExtra(text, 'NaN'), 'damage'],
    ['a number with a leading zero', withExtra(text, '007'), 'damage'],
    ['a number with a plus', withExtra(text, '+7'), 'damage'],
    ['a number in hexadecimal', withExtra(text, '0x7'), 'damage'],
    ['a number of 21 digits', withExtra(text, '1'.repeat(21)), 'damage'],
    ['a number of 8000 digits', withExtra(text, '1'.repeat(8000)), 'damage'],
    ['an exponent of a million', withExtra(text, '1e1000000'), 'difference'],
    ['20 levels', nested(20), 'difference'],
    ['31 levels', nested(31), 'damage'],
    ['4000 levels', nested(4000), 'damage'],
    ['4000 levels without an end', withExtra(text, '['.repeat(4000)), 'damage'],
    ['4000 levels of objects', withExtra(text, '{"a":'.repeat(1500)), 'damage'],
    ['4000 empty values', withExtra(text, `[${'0,'.repeat(4000)}0]`), 'difference'],
    ['a key of 8000 characters', withExtra(text, `{"${'k'.repeat(8000)}":0}`), 'difference'],
    ['a string that does not end', withExtra(text, `"${'s'.repeat(8000)}`).slice(0, -1), 'damage'],
    ['a raw newline in a string', withExtra(text, '"\n"'), 'damage'],
    ['an escaped NUL in a string', withExtra(text, '"a\\u0000b"'), 'damage'],
    ['half a surrogate pair', withExtra(text, '"\\ud800"'), 'damage'],
    ['a whole surrogate pair', withExtra(text, '"\\ud83d\\ude00"'), 'difference'],
    ['an unknown escape', withExtra(text, '"\\x41"'), 'damage'],
    ['bytes that are not UTF-8', Buffer.from(withExtra(text, '"\xff\xfe"'), 'latin1'), 'damage'],
    ['a section twice', text.replace('{', '{"segments":{},'), 'damage'],
    ['a section twice, once with an escape', text.replace('{', '{"\\u0073egments":{},'), 'damage'],
    ['a cipher twice', text.replace('"iv_tweak"', '"encryption":"cipher_null-ecb","iv_tweak"'), 'damage'],
    ['a key slot twice', text.replace('"keyslots":{', '"keyslots":{"1":{},'), 'damage'],
    ['a key twice in an unknown section', withExtra(text, '{"a":1,"a":1}'), 'damage'],
    ['an escaped but equal name of a section', text.replace('"segments"', '"\\u0073egments"'), 'difference'],
    ['a section named __proto__', text.replace('{', '{"__proto__":{"segments":{}},'), 'difference'],
  ];
  return faults.map(([name, changed, kind]) => ({name: `JSON with ${name}`, change: setText(changed), kind}));
}

/** Every required place of the metadata taken away, and made null: no place may be read without being looked at. */
export function absenceFaults(metadata: JsonTree): readonly Fault[] {
  const optional = new Set(['tokens.0', 'tokens.0.key_description']);
  return placesOf(metadata).flatMap((name) => {
    // Without its digest the data is of no key: the form of the metadata allows that.
    if (name === 'digests.0') return [place(name, undefined, 'danger'), place(name, null, 'damage')];
    return [
      place(name, undefined, optional.has(name) ? 'difference' : 'damage'),
      place(name, null, name === 'tokens.0.key_description' ? 'difference' : 'damage'),
    ];
  });
}

/** Places of the metadata that hold something else than they may, or than is wise. */
export function placeFaults(metadata: JsonTree): readonly Fault[] {
  const slot = (name: string): JsonTree => valueAt(metadata, name)!;
  const segment = valueAt(metadata, 'segments.0')!;
  const digest = valueAt(metadata, 'digests.0')!;
  const argon = valueAt(metadata, 'keyslots.0.kdf')!;
  const fewer = withValue(withValue(digest, 'keyslots', ['0']), 'segments', []);
  return [
    ...cipherFaults(),
    ...layoutFaults(slot('keyslots.1.area.offset') as string),
    ...kdfFaults(argon),

    // The data segment.
    ...['0', '512'].map((offset) => place('segments.0.offset', offset, 'danger')),
    place('segments.0.offset', '16777217', 'danger', unsound),
    place('segments.0.offset', '16777728', 'danger', {says: /truncated/}),
    place('segments.0.offset', '16781312', 'difference'),
    place('segments.0.offset', '9007199254740992', 'damage'),
    place('segments.0.offset', '18446744073709551616', 'damage'),
    place('segments.0.offset', '-1', 'damage'),
    place('segments.0.offset', '016777216', 'damage'),
    place('segments.0.offset', ' 16777216', 'damage'),
    place('segments.0.offset', '16777216x', 'damage'),
    place('segments.0.offset', 16777216, 'damage'),
    place('segments.0.size', '0', 'danger', unsound),
    place('segments.0.size', '4096', 'difference'),
    place('segments.0.size', '1048576', 'difference'),
    place('segments.0.size', '1044991', 'danger', unsound),
    place('segments.0.size', '1048577', 'danger', unsound),
    place('segments.0.size', '1052672', 'danger', {says: /truncated/}),
    place('segments.0.size', '9007199254736896', 'danger', {says: /truncated/}),
    place('segments.0.size', 'Dynamic', 'damage'),
    place('segments.0.size', 'dynamic ', 'damage'),
    ...[512, 1024, 2048].map((size) => place('segments.0.sector_size', size, 'difference')),
    ...[0, 1, 256, 513, 4095, 8192, 65536, 0xffffffff].map((size) =>
      place('segments.0.sector_size', size, 'danger', unsound),
    ),
    ...[-4096, 4096.5, 0x100000000, '4096'].map((size) => place('segments.0.sector_size', size, 'damage')),
    ...['1', '18446744073709551615'].map((tweak) => place('segments.0.iv_tweak', tweak, 'difference')),
    ...['18446744073709551616', '-1', '01', '0x1', '1.0', ''].map((tweak) =>
      place('segments.0.iv_tweak', tweak, 'damage'),
    ),
    place('segments.0.type', 'linear', 'danger', {says: /does not support how the data of this image is encrypted/}),
    place('segments.0.type', 'hw-opal', 'danger', {says: /does not support how the data of this image is encrypted/}),
    place('segments.0.type', 'hw-opal-crypt', 'danger', {
      says: /does not support how the data of this image is encrypted/,
    }),
    place('segments.0.integrity', {type: 'hmac(sha256)'}, 'danger', {says: /integrity layer/}),
    place('segments.0.integrity', null, 'danger', {says: /integrity layer/}),
    place('segments.0.flags', [], 'difference'),
    place('segments.0.flags', ['backup-final'], 'danger', reencryption),
    place('segments.0.flags', ['in-reencryption'], 'danger', reencryption),
    place('segments.0.flags', 'backup-final', 'damage'),
    place('segments.0.flags', [1], 'damage'),
    place('segments', {}, 'damage'),
    place('segments', {'1': segment}, 'damage'),
    place('segments', {'00': segment}, 'damage'),
    {
      name: 'a lone segment with the number 1',
      change: (copy) => {
        setPlace('segments', {'1': segment})(copy);
        setPlace('digests.0.segments', ['1'])(copy);
      },
      kind: 'danger',
      ...unsound,
    },
    place('segments.1', segment, 'danger', {says: /exactly one data segment/}),
    place('segments.1', withValue(segment, 'offset', '17825792'), 'danger', {says: /exactly one data segment/}),
    place('segments.32', segment, 'damage'),

    // What a reader must know.
    place('config.requirements', {}, 'difference'),
    place('config.requirements', {mandatory: []}, 'difference'),
    place('config.requirements', {mandatory: ['online-reencrypt']}, 'danger', reencryption),
    place('config.requirements', {mandatory: ['online-reencrypt-v2']}, 'danger', reencryption),
    place('config.requirements', {mandatory: ['online-reencrypt-v3']}, 'danger', reencryption),
    place('config.requirements', {mandatory: ['offline-reencrypt']}, 'danger', reencryption),
    place('config.requirements', {mandatory: ['opal']}, 'danger', unknownFeature),
    place('config.requirements', {mandatory: ['inline-hw-tags']}, 'danger', unknownFeature),
    place('config.requirements', {mandatory: ['of-the-future']}, 'danger', unknownFeature),
    place('config.requirements', {mandatory: ['\u001b[2J']}, 'danger', unknownFeature),
    place('config.requirements', {mandatory: [1]}, 'damage'),
    place('config.requirements', {mandatory: 'opal'}, 'damage'),
    place('config.requirements', ['opal'], 'damage'),
    place('keyslots.1.type', 'reencrypt', 'danger', reencryption),
    place('keyslots.1.type', 'of-the-future', 'danger', {says: /key slot of an unknown kind/}),
    place('config.flags', ['allow-discards', 'no-read-workqueue'], 'difference'),
    place('config.flags', ['of-the-future'], 'difference'),
    place('config.flags', [1], 'damage'),
    place('config.json_size', '12289', 'damage'),
    place('config.json_size', '28672', 'damage'),
    place('config.json_size', '0', 'damage'),
    place('config.of_the_future', {a: [1, {b: null}]}, 'difference'),
    place('of_the_future', [true, false, null, 1.5, 'a'], 'difference'),

    // Digests and what they hold together.
    place('digests', {}, 'danger', unsound),
    place('digests.0.segments', [], 'danger', unsound),
    place('digests.0.segments', ['1'], 'damage'),
    place('digests.0.segments', ['0', '0'], 'damage'),
    place('digests.0.segments', [0], 'damage'),
    place('digests.0.keyslots', [], 'danger', {says: /No key slot/}),
    place('digests.0.keyslots', ['1'], 'difference', {locks: true}),
    place('digests.0.keyslots', ['0', '1', '2'], 'damage'),
    place('digests.0.keyslots', ['0', '1', '1'], 'damage'),
    place('digests.0.keyslots', ['0', '01'], 'damage'),
    place('digests.1', digest, 'danger', unsound),
    place('digests.1', fewer, 'danger', unsound),
    place('digests.1', withValue(fewer, 'keyslots', []), 'difference'),
    place('digests.8', withValue(fewer, 'keyslots', []), 'damage'),
    place('digests.x', digest, 'damage'),
    place('digests.0.type', 'sha256', 'damage'),
    place('digests.0.hash', 'md4', 'danger', unsound),
    place('digests.0.hash', 'sha512', 'danger', unsound),
    {
      name: 'a digest of 20 bytes by an unknown hash',
      change: (copy) => {
        setPlace('digests.0.hash', 'md4')(copy);
        setPlace('digests.0.digest', Buffer.alloc(20).toString('base64'))(copy);
      },
      kind: 'danger',
      ...unsound,
    },
    place('digests.0.iterations', 0, 'danger', unsound),
    place('digests.0.iterations', 0xffffffff, 'danger', tooLong),
    place('digests.0.iterations', 0x100000000, 'damage'),
    place('digests.0.iterations', 1001, 'difference', {locks: true}),
    place('digests.0.digest', Buffer.alloc(19).toString('base64'), 'damage'),
    place('digests.0.digest', Buffer.alloc(21).toString('base64'), 'danger', unsound),
    place('digests.0.digest', Buffer.alloc(65).toString('base64'), 'damage'),
    place('digests.0.digest', Buffer.alloc(32).toString('base64'), 'difference', {locks: true}),
    place('digests.0.salt', 'not base64', 'damage'),
    place('digests.0.salt', Buffer.alloc(31).toString('base64'), 'damage'),
    place('digests.0.salt', Buffer.alloc(32).toString('base64'), 'difference', {locks: true}),

    // Tokens are looked at, and go no further.
    place('tokens', {}, 'difference'),
    place('tokens.1', {type: 'of-the-future', keyslots: ['0', '1'], anything: {a: [1]}}, 'difference'),
    place('tokens.1', {type: 'luks2-keyring', keyslots: ['2'], key_description: 'a'}, 'damage'),
    place('tokens.1', {type: '', keyslots: []}, 'damage'),
    place('tokens.1', {keyslots: []}, 'damage'),
    place('tokens.1', {type: 'luks2-keyring'}, 'damage'),
    place('tokens.32', {type: 'luks2-keyring', keyslots: []}, 'damage'),
    place('tokens.a', {type: 'luks2-keyring', keyslots: []}, 'damage'),
  ];
}

/** Ciphers of the data and of a key slot's area, with the sizes of their keys. */
function cipherFaults(): readonly Fault[] {
  const data = 'segments.0.encryption';
  const area = 'keyslots.1.area.encryption';
  const nulls = ['cipher_null-ecb', 'cipher_null', 'null', 'CIPHER_NULL-ECB', 'capi:ecb(cipher_null)-plain', 'none'];
  const unknown = [
    'aes',
    'aes-ecb',
    'aes-cbc-plain',
    'aes-cbc-plain64',
    'aes-xts-plain64 ',
    'AES-XTS-PLAIN64',
    'aes-xts-plain65',
    'aes-xts-random',
    'capi:xts(aes)-plain64',
    'capi:authenc(hmac(sha256),xts(aes))-random',
    'rot13-xts-plain64',
    '\u001b[2J',
    'x'.repeat(3000),
  ];
  const known = ['serpent-xts-plain64', 'twofish-xts-plain64', 'camellia-xts-plain64'];
  return [
    ...nulls.flatMap((name) => [place(data, name, 'danger', noEncryption), place(area, name, 'danger', noEncryption)]),
    ...unknown.flatMap((name) => [
      place(data, name, 'danger', unknownCipher),
      place(area, name, 'danger', unknownCipher),
    ]),
    place(data, '', 'damage'),
    place(area, '', 'damage'),
    ...known.map((name) => place(data, name, 'difference')),
    ...['aes-cbc-essiv:sha256', 'xchacha12,aes-adiantum-plain64'].map((name) => place(data, name, 'danger', unsound)),
    ...[0, 1, 16, 33, 63, 65, 128, 65536, 0xffffffff].flatMap((size) => [
      place('keyslots.1.key_size', size, 'danger', unsound),
      place('keyslots.1.area.key_size', size, 'danger', unsound),
    ]),
    place('keyslots.1.key_size', 32, 'danger', unsound),
    place('keyslots.1.area.key_size', 32, 'difference'),
    ...[-64, 64.5, 0x100000000, '64'].map((size) => place('keyslots.1.key_size', size, 'damage')),
  ];
}

/** Where the areas of the key slots lie, and how the keys are split in them. */
function layoutFaults(secondOffset: string): readonly Fault[] {
  const offset = 'keyslots.0.area.offset';
  const size = 'keyslots.0.area.size';
  return [
    ...['0', '4096', '16384', '28672', '32767', '32769'].map((value) => place(offset, value, 'danger', unsound)),
    ...[secondOffset, String(Number(secondOffset) + 4096), '16773120', '16777216', '17000000', '9007199254740991'].map(
      (value) => place(offset, value, 'danger', unsound),
    ),
    ...['9007199254740992', '18446744073709551615', '18446744073709551616', '-4096', '32768.0', ''].map((value) =>
      place(offset, value, 'damage'),
    ),
    ...['8388609', '8388864'].map((value) => place(offset, value, 'danger', unsound)),
    place(offset, '8388608', 'difference', {locks: true}),
    ...['0', '512', '255999', '262144', '9007199254740991'].map((value) => place(size, value, 'danger', unsound)),
    place(size, '256000', 'difference'),
    place(size, '18446744073709551615', 'damage'),
    {
      name: 'a key slot of nothing, in an area of no size',
      change: (copy) => {
        setPlace('keyslots.1.key_size', 0)(copy);
        setPlace('keyslots.1.area.size', '0')(copy);
        setPlace('digests.0.keyslots', ['0'])(copy);
      },
      kind: 'danger',
      ...unsound,
    },
    place('keyslots.0.area.type', 'journal', 'damage'),
    ...[
      '0',
      '512',
      '4095',
      '16740353',
      '16740864',
      '16744449',
      '16748544',
      '134217728',
      '134221824',
      '9007199254738944',
    ].map((value) => place('config.keyslots_size', value, 'danger', unsound)),
    place('config.keyslots_size', '16740352', 'difference'),
    ...['-4096', '', '18446744073709551616'].map((value) => place('config.keyslots_size', value, 'damage')),
    ...[0, 1, 3999, 4001, 0xffffffff].map((value) => place('keyslots.0.af.stripes', value, 'danger', unsound)),
    place('keyslots.0.af.hash', 'md4', 'danger', unsound),
    place('keyslots.0.af.hash', 'sha512', 'difference', {locks: true}),
    place('keyslots.0.af.type', 'luks2', 'damage'),
    place('keyslots.0.priority', 0, 'difference', {locks: true}),
    place('keyslots.0.priority', 1, 'difference'),
    place('keyslots.0.priority', 2, 'difference'),
    place('keyslots.0.priority', 3, 'damage'),
    place('keyslots.0.priority', -1, 'damage'),
    place('keyslots.0.of_the_future', {a: 1}, 'difference'),
    place('keyslots', {}, 'damage'),
    place('keyslots.32', {}, 'damage'),
    place('keyslots.01', {}, 'damage'),
    place('keyslots.x', {}, 'damage'),
    place('keyslots.-1', {}, 'damage'),
  ];
}

/** Costs of key derivation. The memory limit of the tests is 1 GiB. */
function kdfFaults(argon: JsonTree): readonly Fault[] {
  const kdf = 'keyslots.0.kdf';
  const inSecond = (name: string, value: JsonTree): JsonTree => withValue(argon, name, value);
  return [
    ...[0, 1, 7, 4 * 1024 * 1024 + 1, 0x7fffffff, 0xffffffff].map((memory) =>
      place(`${kdf}.memory`, memory, 'danger', unsound),
    ),
    place(`${kdf}.memory`, 0x100000000, 'damage'),
    place(`${kdf}.memory`, -1, 'damage'),
    place(`${kdf}.memory`, 1024 * 1024 + 1, 'warning', {locks: true}),
    place(`${kdf}.memory`, 4 * 1024 * 1024, 'warning', {locks: true}),
    {
      name: 'both key slots with an argon2id of 2 GiB',
      change: (copy) => {
        for (const id of ['0', '1']) setPlace(`keyslots.${id}.kdf`, inSecond('memory', 2 * 1024 * 1024))(copy);
      },
      kind: 'danger',
      exitCode: 69,
      says: /needs 2048 MiB of memory, and 1024 MiB are available/,
    },
    place(`${kdf}.time`, 0, 'danger', unsound),
    place(`${kdf}.time`, 0xffffffff, 'danger', tooLong),
    place(kdf, withValue(inSecond('memory', 1024 * 1024), 'time', 1000), 'danger', tooLong),
    place(`${kdf}.cpus`, 0, 'danger', unsound),
    place(`${kdf}.cpus`, 17, 'danger', unsound),
    place(kdf, withValue(inSecond('memory', 65536), 'cpus', 17), 'danger', unsound),
    place(`${kdf}.cpus`, 0xffffffff, 'danger', unsound),
    place(`${kdf}.type`, 'argon2i', 'difference', {locks: true}),
    place(`${kdf}.type`, 'argon2d', 'damage'),
    place(`${kdf}.type`, 'scrypt', 'damage'),
    place(`${kdf}.type`, 'pbkdf2', 'damage'),
    place(`${kdf}.salt`, '', 'damage'),
    place(`${kdf}.salt`, Buffer.alloc(31).toString('base64'), 'damage'),
    place(`${kdf}.salt`, Buffer.alloc(33).toString('base64'), 'damage'),
    place(`${kdf}.salt`, '*'.repeat(44), 'damage'),
    place(`${kdf}.salt`, `${Buffer.alloc(32, 7).toString('base64')}\n`, 'damage'),
    place(`${kdf}.salt`, Buffer.alloc(32, 7).toString('base64').replace('=', ''), 'damage'),
    place(`${kdf}.salt`, Buffer.alloc(32, 0xff).toString('base64url'), 'damage'),
    place(`${kdf}.salt`, Buffer.alloc(32).toString('base64'), 'difference', {locks: true}),
    place(`${kdf}.of_the_future`, 1, 'difference'),
    place('keyslots.1.kdf.iterations', 0, 'danger', unsound),
    place('keyslots.1.kdf.iterations', 0xffffffff, 'danger', tooLong),
    place('keyslots.1.kdf.iterations', 0x100000000, 'damage'),
    place('keyslots.1.kdf.iterations', 1000.5, 'damage'),
    place('keyslots.1.kdf.iterations', '1000', 'damage'),
    place('keyslots.1.kdf.hash', 'md4', 'danger', unsound),
    place('keyslots.1.kdf.hash', '', 'damage'),
  ];
}
