import {closeSync, constants, fstatSync, openSync, rmdirSync, unlinkSync} from 'node:fs';
import {dirname} from 'node:path';
import {isObject} from '../../foundation/shape.ts';
import {readWhole} from '../../foundation/whole-bytes.ts';
import {isCleanAction, maximumActions} from '../../lifecycle/cleaning.ts';
import {
  type BridgePlan,
  type GhostPlan,
  type InitId,
  type KdfPlan,
  type KeyChange,
  keyName,
  type KeySource,
  maximumSizeBytes,
  type OpenPlan,
  pbkdfs,
  planVersion,
  type SharedFile,
} from '../../lifecycle/plan.ts';
import {parseStrictJson} from '../../foundation/strict-json.ts';
import {asCaller, type Caller} from '../caller.ts';
import {malformed, planUnreadable} from '../failures.ts';

/** A plan carries the user's environment; Linux takes at most 2 MiB of arguments and environment together. */
const maximumPlanBytes = 4 * 1024 * 1024;
const maximumBridges = 64;
const maximumShared = 64;
const maximumGraceMs = 10 * 60 * 1000;
const maximumWaitMs = 60 * 60 * 1000;
/** PID_MAX_LIMIT of linux/threads.h. */
const maximumPid = 2 ** 22;
/** A salt or a digest: longer ones no hash has. */
const base64 = /^[\d+/=A-Za-z]{1,512}$/;

/**
 * Reads the plan once and removes it. Safe as root: the file is opened and removed with the caller's own ids, so a
 * path that leads elsewhere leads only where the caller may go anyway; what was opened must be a private file of the
 * caller's, or it is not read at all.
 */
export function readPlan(caller: Caller, planPath: string): GhostPlan {
  const bytes = asCaller(caller, () => {
    const fd = openPrivateFile(caller, planPath);
    try {
      return readPlanFile(fd);
    } finally {
      closeSync(fd);
      unlinkSync(planPath);
    }
  });
  try {
    return parsePlan(bytes);
  } finally {
    bytes.fill(0);
  }
}

/** Removes the directory of plan and socket, which both have served; with the caller's ids, as above. */
export function removePlanFolder(caller: Caller, planPath: string): void {
  const folder = dirname(planPath);
  asCaller(caller, () => {
    // One by one: the CLI removes them too, and has often removed the socket already.
    for (const remove of [() => unlinkSync(`${folder}/socket`), () => rmdirSync(folder)]) {
      try {
        remove();
      } catch {
        // Nothing depends on it.
      }
    }
  });
}

/**
 * Checks the shape of a plan: each field there, of its type and within its bounds, and no other field. What it refuses
 * it names by the field alone and never repeats: the bytes are the caller's.
 */
export function parsePlan(bytes: Buffer): GhostPlan {
  const plan = record(strictJson(bytes), 'plan');
  if (plan['version'] !== planVersion) throw malformed('version');
  if (plan['operation'] === 'lock') return parseLockPlan(plan);
  if (plan['operation'] === 'observe') return parseObservePlan(plan);
  if (plan['operation'] === 'clean') return parseCleanPlan(plan);
  if (plan['operation'] === 'keys') return parseKeysPlan(plan);
  return plan['operation'] === 'enter' ? parseEnterPlan(plan) : parseOpenPlan(plan);
}

function parseLockPlan(plan: Fields): GhostPlan {
  only(plan, 'plan', ['version', 'operation', 'image', 'graceMs'], ['waitMs']);
  return {
    version: planVersion,
    operation: 'lock',
    image: absolutePath(plan['image'], 'image'),
    graceMs: integer(plan['graceMs'], 'graceMs', 0, maximumGraceMs),
    ...parseWait(plan),
  };
}

function parseWait(plan: Fields): {waitMs?: number} {
  return plan['waitMs'] === undefined ? {} : {waitMs: integer(plan['waitMs'], 'waitMs', 0, maximumWaitMs)};
}

function parseObservePlan(plan: Fields): GhostPlan {
  only(plan, 'plan', ['version', 'operation', 'image']);
  return {version: planVersion, operation: 'observe', image: absolutePath(plan['image'], 'image')};
}

function parseCleanPlan(plan: Fields): GhostPlan {
  only(plan, 'plan', ['version', 'operation', 'image', 'actions']);
  return {
    version: planVersion,
    operation: 'clean',
    image: absolutePath(plan['image'], 'image'),
    actions: array(plan['actions'], 'actions', maximumActions).map((action) => {
      if (!isCleanAction(action)) throw malformed('actions');
      return action;
    }),
  };
}

function parseEnterPlan(plan: Fields): GhostPlan {
  only(plan, 'plan', ['version', 'operation', 'init', 'session']);
  return {
    version: planVersion,
    operation: 'enter',
    init: parseInit(plan['init']),
    session: parseSession(plan['session']),
  };
}

function parseInit(value: unknown): InitId {
  const init = record(value, 'init');
  only(init, 'init', ['pid', 'startTicks']);
  return {
    pid: integer(init['pid'], 'init.pid', 2, maximumPid),
    startTicks: integer(init['startTicks'], 'init.startTicks', 0, Number.MAX_SAFE_INTEGER),
  };
}

function parsePrivateGhost(value: unknown): NonNullable<OpenPlan['privateGhost']> {
  const ghost = record(value, 'privateGhost');
  only(ghost, 'privateGhost', ['init', 'keyDigest']);
  const digest = record(ghost['keyDigest'], 'keyDigest');
  only(digest, 'keyDigest', ['hash', 'iterations', 'salt', 'digest']);
  return {
    init: parseInit(ghost['init']),
    keyDigest: {
      hash: matching(digest['hash'], 'keyDigest.hash', /^[\da-z-]{1,32}$/),
      iterations: integer(digest['iterations'], 'keyDigest.iterations', 1, 2 ** 32 - 1),
      salt: matching(digest['salt'], 'keyDigest.salt', base64),
      digest: matching(digest['digest'], 'keyDigest.digest', base64),
    },
  };
}

function parseOpenPlan(plan: Fields): GhostPlan {
  only(
    plan,
    'plan',
    ['version', 'operation', 'image', 'mountPoint', 'home', 'key', 'ifOpen', 'bridges'],
    ['privateGhost', 'engine', 'create', 'adopt', 'readOnly', 'session', 'shared', 'waitMs'],
  );
  if (plan['operation'] !== 'open') throw malformed('operation');
  const adopts = plan['adopt'] !== undefined;
  if (adopts && (plan['adopt'] !== true || plan['create'] !== undefined || plan['session'] !== undefined)) {
    throw malformed('adopt');
  }
  const readOnly = plan['readOnly'] !== undefined;
  if (readOnly && (plan['readOnly'] !== true || plan['create'] !== undefined || adopts)) throw malformed('readOnly');
  return {
    version: planVersion,
    operation: 'open',
    image: absolutePath(plan['image'], 'image'),
    mountPoint: absolutePath(plan['mountPoint'], 'mountPoint'),
    home: absolutePath(plan['home'], 'home'),
    key: parseKeySource(plan['key']),
    ifOpen: oneOf(plan['ifOpen'], 'ifOpen', ['join', 'refuse']),
    bridges: array(plan['bridges'], 'bridges', maximumBridges).map(parseBridge),
    ...parseWait(plan),
    ...(plan['privateGhost'] === undefined ? {} : {privateGhost: parsePrivateGhost(plan['privateGhost'])}),
    ...(plan['engine'] === undefined ? {} : {engine: oneOf(plan['engine'], 'engine', ['dm-crypt', 'fuse'])}),
    ...(plan['create'] === undefined ? {} : {create: parseCreate(plan['create'])}),
    ...(adopts ? {adopt: true as const} : {}),
    ...(readOnly ? {readOnly: true as const} : {}),
    ...(plan['session'] === undefined ? {} : {session: parseSession(plan['session'])}),
    ...(plan['shared'] === undefined
      ? {}
      : {shared: array(plan['shared'], 'shared', maximumShared).map(parseSharedFile)}),
  };
}

function parseKeysPlan(plan: Fields): GhostPlan {
  only(plan, 'plan', ['version', 'operation', 'image', 'home', 'change'], ['waitMs']);
  return {
    version: planVersion,
    operation: 'keys',
    image: absolutePath(plan['image'], 'image'),
    home: absolutePath(plan['home'], 'home'),
    change: parseKeyChange(record(plan['change'], 'change')),
    ...parseWait(plan),
  };
}

function parseKeyChange(change: Fields): KeyChange {
  const kind = oneOf(change['do'], 'change.do', ['list', 'replace', 'add', 'remove', 'rename']);
  const name = () => matching(change['name'], 'change.name', keyName);
  const key = () => parseKeySource(change['key']);
  switch (kind) {
    case 'list':
      only(change, 'change', ['do']);
      return {do: kind};
    case 'replace':
      only(change, 'change', ['do', 'key', 'newKey', 'kdf']);
      return {do: kind, key: key(), newKey: parseKeySource(change['newKey']), kdf: parseKdf(change['kdf'])};
    case 'add':
      only(change, 'change', ['do', 'key', 'kdf'], ['newKey', 'name']);
      return {
        ...{do: kind, key: key(), kdf: parseKdf(change['kdf'])},
        ...(change['newKey'] === undefined ? {} : {newKey: parseKeySource(change['newKey'])}),
        ...(change['name'] === undefined ? {} : {name: name()}),
      };
    case 'remove':
      only(change, 'change', ['do', 'key', 'slot']);
      return {do: kind, key: key(), slot: matching(change['slot'], 'change.slot', askedKey)};
    case 'rename':
      only(change, 'change', ['do', 'slot', 'name']);
      return {do: kind, slot: matching(change['slot'], 'change.slot', askedKey), name: name()};
  }
}

/** A name or the number of a key slot. */
const askedKey = /^[\w.-]{1,32}$/;

function parseKdf(value: unknown): KdfPlan {
  const kdf = record(value, 'kdf');
  only(kdf, 'kdf', ['pbkdf'], ['pbkdfMemoryKiB', 'pbkdfForceIterations']);
  return kdfIn(kdf);
}

function kdfIn(fields: Fields): KdfPlan {
  const {pbkdfMemoryKiB: memory, pbkdfForceIterations: iterations} = fields;
  return {
    pbkdf: oneOf(fields['pbkdf'], 'pbkdf', pbkdfs),
    ...(memory === undefined ? {} : {pbkdfMemoryKiB: integer(memory, 'pbkdfMemoryKiB', 32, 4 * 1024 * 1024)}),
    ...(iterations === undefined
      ? {}
      : {pbkdfForceIterations: integer(iterations, 'pbkdfForceIterations', 1, 2 ** 32 - 1)}),
  };
}

function parseKeySource(value: unknown): KeySource {
  const key = record(value, 'key');
  const from = oneOf(key['from'], 'key.from', ['terminal', 'file', 'stdin']);
  if (from === 'terminal') {
    only(key, 'key', ['from']);
    return {from};
  }
  only(key, 'key', from === 'file' ? ['from', 'form', 'path'] : ['from', 'form']);
  const form = oneOf(key['form'], 'key.form', ['passphrase', 'key']);
  return from === 'stdin' ? {from, form} : {from, form, path: absolutePath(key['path'], 'key.path')};
}

function parseCreate(value: unknown): NonNullable<Extract<GhostPlan, {operation: 'open'}>['create']> {
  const create = record(value, 'create');
  only(create, 'create', ['sizeBytes', 'pbkdf'], ['pbkdfMemoryKiB', 'pbkdfForceIterations']);
  return {sizeBytes: integer(create['sizeBytes'], 'create.sizeBytes', 1, maximumSizeBytes), ...kdfIn(create)};
}

function parseSession(value: unknown): NonNullable<Extract<GhostPlan, {operation: 'open'}>['session']> {
  const session = record(value, 'session');
  only(session, 'session', ['command', 'environment', 'workingFolder', 'ownTerminal'], ['terminal', 'umask']);
  const command = array(session['command'], 'session.command', 2 ** 16).map((word) => text(word, 'session.command'));
  if (command.length === 0 || command[0] === '') throw malformed('session.command');
  const environment = record(session['environment'], 'session.environment');
  for (const name of Object.keys(environment)) {
    if (name === '' || name.includes('=') || name.includes('\0')) throw malformed('session.environment');
    text(environment[name], 'session.environment');
  }
  const terminal = session['terminal'];
  if (
    terminal !== undefined &&
    !/^\/dev\/(pts\/\d{1,7}|tty[A-Za-z0-9]{1,12}|console)$/.test(text(terminal, 'session.terminal'))
  ) {
    throw malformed('session.terminal');
  }
  if (typeof session['ownTerminal'] !== 'boolean') throw malformed('session.ownTerminal');
  return {
    command,
    environment: environment as Record<string, string>,
    workingFolder: absolutePath(session['workingFolder'], 'session.workingFolder'),
    ownTerminal: session['ownTerminal'],
    ...(terminal === undefined ? {} : {terminal: terminal as string}),
    ...(session['umask'] === undefined ? {} : {umask: integer(session['umask'], 'session.umask', 0, 0o777)}),
  };
}

function parseBridge(value: unknown): BridgePlan {
  const bridge = record(value, 'bridges');
  only(bridge, 'bridges', ['home', 'vault']);
  return {home: relativePath(bridge['home'], 'bridges.home'), vault: relativePath(bridge['vault'], 'bridges.vault')};
}

function parseSharedFile(value: unknown): SharedFile {
  const file = record(value, 'shared');
  only(file, 'shared', ['from', 'name']);
  return {from: absolutePath(file['from'], 'shared.from'), name: relativePath(file['name'], 'shared.name')};
}

type Fields = Record<string, unknown>;

function strictJson(bytes: Buffer): unknown {
  try {
    return parseStrictJson(bytes, {maximumDepth: 4});
  } catch {
    throw malformed('plan');
  }
}

function record(value: unknown, field: string): Fields {
  if (!isObject(value)) throw malformed(field);
  return value;
}

function only(fields: Fields, name: string, required: readonly string[], optional: readonly string[] = []): void {
  if (required.some((key) => !Object.hasOwn(fields, key))) throw malformed(name);
  if (Object.keys(fields).some((key) => !required.includes(key) && !optional.includes(key))) throw malformed(name);
}

function array(value: unknown, field: string, maximum: number): unknown[] {
  if (!Array.isArray(value) || value.length > maximum) throw malformed(field);
  return value;
}

function text(value: unknown, field: string): string {
  if (typeof value !== 'string' || value.includes('\0')) throw malformed(field);
  return value;
}

function matching(value: unknown, field: string, pattern: RegExp): string {
  if (!pattern.test(text(value, field))) throw malformed(field);
  return value as string;
}

function oneOf<const T extends string>(value: unknown, field: string, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) throw malformed(field);
  return found;
}

function integer(value: unknown, field: string, minimum: number, maximum: number): number {
  if (!Number.isSafeInteger(value) || (value as number) < minimum || (value as number) > maximum) {
    throw malformed(field);
  }
  return value as number;
}

/** A normalised absolute path: nothing in it needs interpretation. */
function absolutePath(value: unknown, field: string): string {
  const path = text(value, field);
  if (!path.startsWith('/') || path.length > 4095) throw malformed(field);
  if (path !== '/') components(path.slice(1), field);
  return path;
}

function relativePath(value: unknown, field: string): string {
  const path = text(value, field);
  if (path.length > 4095) throw malformed(field);
  components(path, field);
  return path;
}

function components(path: string, field: string): void {
  for (const component of path.split('/')) {
    if (component === '' || component === '.' || component === '..' || Buffer.byteLength(component) > 255) {
      throw malformed(field);
    }
  }
}

function openPrivateFile(caller: Caller, path: string): number {
  let fd: number;
  try {
    // Non-blocking, so that a FIFO in the file's place holds nobody up.
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch {
    throw planUnreadable('The user cannot open it.');
  }
  const stat = fstatSync(fd);
  if (
    !stat.isFile() ||
    stat.uid !== caller.uid ||
    (stat.mode & 0o077) !== 0 ||
    stat.nlink !== 1 ||
    stat.size > maximumPlanBytes
  ) {
    closeSync(fd);
    throw planUnreadable('It is not a private file of the user.');
  }
  return fd;
}

function readPlanFile(fd: number): Buffer {
  // One byte more than allowed: a file that grew meanwhile is then refused as malformed, not read without end.
  const buffer = Buffer.alloc(Math.min(fstatSync(fd).size, maximumPlanBytes) + 1);
  return buffer.subarray(0, readWhole(fd, buffer));
}
