import fc from 'fast-check';
import {pbkdfs} from '../../../src/lifecycle/plan.ts';

/** A value of JSON. */
export type Json = null | boolean | number | string | readonly Json[] | {readonly [Name in string]: Json};

/** A plan with every field that an open plan can have. */
export const openPlan = {
  version: 1,
  operation: 'open',
  image: '/home/user/.tazpod-vault/vault.img',
  mountPoint: '/home/user/secrets',
  home: '/home/user',
  key: {from: 'file', form: 'passphrase', path: '/home/user/passphrase'},
  ifOpen: 'join',
  waitMs: 30_000,
  bridges: [{home: '.agent', vault: 'agent'}],
  shared: [{from: '/run/user/1000/bus', name: 'bus'}],
  privateGhost: {
    init: {pid: 100, startTicks: 1000},
    keyDigest: {hash: 'sha256', iterations: 1000, salt: 'c2FsdA==', digest: 'ZGlnZXN0'},
  },
  engine: 'fuse',
  create: {sizeBytes: 33_554_432, pbkdf: 'argon2id', pbkdfMemoryKiB: 65_536, pbkdfForceIterations: 4},
  session: {
    command: ['sh', '-c', 'true'],
    environment: {PATH: '/usr/bin:/bin'},
    workingFolder: '/home/user',
    terminal: '/dev/pts/3',
    ownTerminal: true,
  },
} as const satisfies Json;

/** A plan that changes the owner of what is in a vault. */
const {create: _create, session: _session, ...withoutSession} = openPlan;
export const adoptPlan = {...withoutSession, adopt: true} as const satisfies Json;

/** A plan that changes nothing. */
export const readOnlyPlan = {...withoutSession, session: openPlan.session, readOnly: true} as const satisfies Json;

export const lockPlan = {
  version: 1,
  operation: 'lock',
  image: '/home/user/vault.img',
  graceMs: 5000,
  waitMs: 1000,
} as const;

export const enterPlan = {
  version: 1,
  operation: 'enter',
  init: {pid: 100, startTicks: 1000},
  session: openPlan.session,
} as const;

const keysPlan = {
  version: 1,
  operation: 'keys',
  image: '/home/user/vault.img',
  home: '/home/user',
  waitMs: 1000,
} as const;
const {key} = openPlan;
const kdf = {pbkdf: 'argon2id', pbkdfMemoryKiB: 65_536, pbkdfForceIterations: 4} as const;

/** A plan for each thing that can be done with keys. */
export const keysPlans = {
  'list keys': {...keysPlan, change: {do: 'list'}},
  'replace a key': {...keysPlan, change: {do: 'replace', key, newKey: key, kdf}},
  'add a key': {...keysPlan, change: {do: 'add', key, newKey: key, name: 'laptop', kdf}},
  'remove a key': {...keysPlan, change: {do: 'remove', key, slot: 'laptop'}},
  'rename a key': {...keysPlan, change: {do: 'rename', slot: '1', name: 'laptop'}},
} as const satisfies Readonly<Record<string, Json>>;

/** Fields that a plan may lack. */
const optional = new Set([
  'privateGhost',
  'waitMs',
  'engine',
  'create',
  'session',
  'adopt',
  'readOnly',
  'shared',
  'create.pbkdfMemoryKiB',
  'create.pbkdfForceIterations',
  'change.kdf.pbkdfMemoryKiB',
  'change.kdf.pbkdfForceIterations',
  'session.terminal',
  'session.environment.PATH',
]);

/** Fields whose content is the user's own affair, as long as it is text without a zero byte. */
const freeText = new Set(['session.command.1', 'session.command.2', 'session.environment.PATH']);

/** Paths that lead elsewhere or nowhere, or are not paths. */
const wrongPaths = ['', '.', '..', 'relative', '/a/../b', '/a/./b', '/a//b', '/a/', '//', `/${'x'.repeat(256)}`];

const wrongOf: Readonly<Record<string, readonly Json[]>> = {
  version: [0, 2, 1.5, 1e308, '1'],
  operation: ['', 'Open', 'close', 'open ', '__proto__'],
  ifOpen: ['', 'JOIN', 'wait'],
  adopt: [false],
  readOnly: [false],
  engine: ['', 'Fuse', '/bin/sh', 'loop'],
  'key.from': ['', 'argument', 'environment', 'terminal'],
  'key.form': ['', 'Key', 'volume-key'],
  'change.do': ['', 'List', 'format', 'change'],
  'change.key.from': ['', 'argument', 'environment', 'terminal'],
  'change.key.form': ['', 'Key', 'volume-key'],
  'change.key.path': wrongPaths,
  'change.newKey.from': ['', 'argument', 'environment', 'terminal'],
  'change.newKey.form': ['', 'Key', 'volume-key'],
  'change.newKey.path': wrongPaths,
  'change.name': ['', '1', '-x', 'a b', 'a\u001b[m', 'a/b', 'x'.repeat(33)],
  'change.slot': ['', 'a b', 'a\u001b[m', 'a/b', 'x'.repeat(33)],
  'change.kdf.pbkdf': ['', 'none', 'md5'],
  'change.kdf.pbkdfMemoryKiB': [0, 31, 2 ** 32, 1e308],
  'change.kdf.pbkdfForceIterations': [0, 2 ** 32, 1e308],
  'create.sizeBytes': [0, 0.5, 2 ** 51, 1e308],
  'create.pbkdf': ['', 'none', 'md5'],
  'create.pbkdfMemoryKiB': [0, 31, 2 ** 32, 1e308],
  'create.pbkdfForceIterations': [0, 2 ** 32, 1e308],
  'session.command': [[''], ['sh', 1], Array.from({length: 70_000}, () => 'x')],
  'session.environment': [{'': 'x'}, {'A=B': 'x'}, {'A\0': 'x'}, {A: 1}, {A: null}, {A: {B: 'x'}}],
  'session.terminal': ['', '/dev/null', '/dev/pts/../null', '/dev/pts/3/..', '/etc/shadow', '/dev/pts/3\n', 'pts/3'],
  bridges: [Array.from({length: 65}, () => ({home: 'a', vault: 'b'})), [[]], [null], [{home: 'a'}]],
  graceMs: [0.5, 600_001, 1e308],
  waitMs: [0.5, 3_600_001, 1e308],
  'init.pid': [0, 1, 0.5, 2 ** 23],
  'init.startTicks': [0.5, 1e308],
  'privateGhost.init.pid': [0, 1, 0.5, 2 ** 23],
  'privateGhost.init.startTicks': [0.5, 1e308],
  'privateGhost.keyDigest.hash': ['', 'sha 256', 'x'.repeat(33), '../../x'],
  'privateGhost.keyDigest.iterations': [0, 2 ** 32],
  'privateGhost.keyDigest.salt': ['', 'not base64!', 'A'.repeat(513)],
  'privateGhost.keyDigest.digest': ['', 'not base64!', 'A'.repeat(513)],
  image: [...wrongPaths, `/${'x/'.repeat(2100)}x`],
  mountPoint: wrongPaths,
  home: wrongPaths,
  'key.path': wrongPaths,
  'session.workingFolder': wrongPaths,
  shared: [Array.from({length: 65}, () => ({from: '/a', name: 'b'})), [[]], [null], [{from: '/a'}]],
  'shared.0.from': wrongPaths,
  'shared.0.name': ['', '.', '..', '/absolute', 'a/../b', '../a', 'a//b', 'a/', 'x'.repeat(256)],
  'bridges.0.home': ['', '.', '..', '/absolute', 'a/../b', '../a', 'a//b', 'a/', 'x'.repeat(256)],
  'bridges.0.vault': ['', '.', '..', '/absolute', 'a/../b', '../a', 'a//b', 'a/', 'x'.repeat(256)],
};

/** A plan with one fault in it, and what the fault is. */
export type Faulty = {readonly name: string; readonly plan: Json};

/** Every field of a plan, lacking, of another type, beyond its bounds, and beside one that there is not. */
export function faultsOf(plan: Json): Faulty[] {
  return fieldsOf(plan).flatMap((field) => {
    const path = field.join('.');
    const present = valueAt(plan, field);
    const values = [...wrongTypesFor(present), ...(wrongOf[path] ?? [])];
    return [
      ...values.map((value) => ({name: `${path} is ${describe(value)}`, plan: changed(plan, field, value)})),
      ...(typeof present === 'string' ? [{name: `${path} has a zero byte`, plan: changed(plan, field, 'a\0b')}] : []),
      ...(optional.has(path) || /\.\d+$/.test(path) ? [] : [{name: `${path} is missing`, plan: changed(plan, field)}]),
      ...(isRecord(present) && path !== 'session.environment'
        ? [{name: `${path} has one field more`, plan: changed(plan, [...field, 'further'], 1)}]
        : []),
    ].filter((faulty) => !(freeText.has(path) && faulty.name.endsWith('is ""')));
  });
}

/** Plans as the CLI may write them. */
export function anyPlan(): fc.Arbitrary<Json> {
  const name = fc
    .string({unit: 'binary', minLength: 1, maxLength: 20})
    .filter((text) => !/[/\0]/.test(text) && text !== '.' && text !== '..' && text.isWellFormed());
  const names = fc.array(name, {minLength: 1, maxLength: 5}).map((parts) => parts.join('/'));
  const path = names.map((text) => `/${text}`);
  const text = fc.string({unit: 'binary'}).filter((each) => !each.includes('\0') && each.isWellFormed());
  const form = fc.constantFrom('passphrase', 'key');
  const session = fc.record(
    {
      command: fc.array(text, {minLength: 1}).filter(([program]) => program !== ''),
      environment: fc.dictionary(
        text.filter((variable) => variable !== '' && !variable.includes('=')),
        text,
        {noNullPrototype: true},
      ),
      workingFolder: path,
      ownTerminal: fc.boolean(),
      terminal: fc.constantFrom('/dev/pts/0', '/dev/tty1', '/dev/console'),
    },
    {requiredKeys: ['command', 'environment', 'workingFolder', 'ownTerminal']},
  );
  const open = fc.record(
    {
      version: fc.constant(1),
      operation: fc.constant('open'),
      image: path,
      mountPoint: path,
      home: path,
      key: fc.oneof(
        fc.constant({from: 'terminal'}),
        fc.record({from: fc.constant('file'), form, path}),
        fc.record({from: fc.constant('stdin'), form}),
      ),
      ifOpen: fc.constantFrom('join', 'refuse'),
      waitMs: fc.integer({min: 0, max: 3_600_000}),
      bridges: fc.array(fc.record({home: names, vault: names}), {maxLength: 64}),
      engine: fc.constantFrom('fuse', 'dm-crypt'),
      create: fc.record(
        {
          sizeBytes: fc.integer({min: 1, max: 2 ** 50}),
          pbkdf: fc.constantFrom(...pbkdfs),
          pbkdfMemoryKiB: fc.integer({min: 32, max: 4 * 2 ** 20}),
          pbkdfForceIterations: fc.integer({min: 1, max: 2 ** 32 - 1}),
        },
        {requiredKeys: ['sizeBytes', 'pbkdf']},
      ),
      session,
      shared: fc.array(fc.record({from: path, name: names}), {maxLength: 64}),
    },
    {requiredKeys: ['version', 'operation', 'image', 'mountPoint', 'home', 'key', 'ifOpen', 'bridges']},
  );
  const lock = fc.record({
    version: fc.constant(1),
    operation: fc.constant('lock'),
    image: path,
    graceMs: fc.integer({min: 0, max: 600_000}),
  });
  return fc.oneof({arbitrary: open, weight: 4}, lock);
}

/** The whole, each field, each field in a field, as the names on the way to it. */
function fieldsOf(value: Json, above: readonly string[] = []): string[][] {
  const inside = typeof value === 'object' && value !== null ? Object.entries(value) : [];
  return inside.flatMap(([name, each]) => [[...above, name], ...fieldsOf(each, [...above, name])]);
}

function valueAt(value: Json, [name, ...rest]: readonly string[]): Json {
  return name === undefined ? value : valueAt((value as Readonly<Record<string, Json>>)[name]!, rest);
}

/** A copy with another value there; undefined takes the field away. */
function changed(value: Json, [name, ...rest]: readonly string[], to?: Json): Json {
  if (name === undefined) return to!;
  if (Array.isArray(value))
    return value.map((each: Json, index) => (String(index) === name ? changed(each, rest, to) : each));
  const record = value as Readonly<Record<string, Json>>;
  if (rest.length > 0) return {...record, [name]: changed(record[name]!, rest, to)};
  return Object.fromEntries([
    ...Object.entries(record).filter(([each]) => each !== name),
    ...(to === undefined ? [] : [[name, to] as const]),
  ]);
}

function wrongTypesFor(value: Json): Json[] {
  const candidates: Json[] = [null, true, -1, 'text', [], {}, [[[[]]]]];
  return candidates
    .filter(
      (each) =>
        kindOf(each) !== kindOf(value) ||
        (typeof each === 'object' && each !== null && Array.isArray(each) && each.length > 0),
    )
    .concat(typeof value === 'number' ? [-1] : []);
}

function kindOf(value: Json): string {
  return value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value;
}

function isRecord(value: Json): boolean {
  return kindOf(value) === 'object';
}

function describe(value: Json): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
