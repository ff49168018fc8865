import {isUtf8} from 'node:buffer';

/** A variable of the session. The value is bytes, any but NUL. */
export type Variable = {readonly name: string; readonly value: Uint8Array};

/** One element of `environment.json`, in the order of names. */
type VariableJson = {readonly name: string} & (
  | {readonly value: string}
  /** Where the value is not UTF-8. */
  | {readonly base64: string}
);

/** A file below the folder `environment`. */
export type EnvironmentFile = {readonly path: string; readonly bytes: Buffer};

/**
 * The environment in every form that it is read in: `environment.sh` for sh, bash and zsh, `environment.fish`,
 * `environment.json`, and `variables/NAME.sh` with one export each.
 */
export function renderEnvironment(variables: readonly Variable[]): EnvironmentFile[] {
  const sorted = [...variables].sort((one, other) => (one.name < other.name ? -1 : 1));
  return [
    {path: 'environment.sh', bytes: Buffer.concat(sorted.map(exportForSh))},
    {path: 'environment.fish', bytes: Buffer.concat(sorted.map(exportForFish))},
    {path: 'environment.json', bytes: Buffer.from(`${JSON.stringify(sorted.map(asJson))}\n`)},
    ...sorted.map((variable) => ({path: `variables/${variable.name}.sh`, bytes: exportForSh(variable)})),
  ];
}

/** The variables of an `environment.json`. */
export function parseEnvironment(json: Uint8Array): Variable[] {
  return (JSON.parse(Buffer.from(json).toString('utf8')) as readonly VariableJson[]).map((each) => ({
    name: each.name,
    value: 'value' in each ? Buffer.from(each.value) : Buffer.from(each.base64, 'base64'),
  }));
}

/** The names in an `environment.json`; none where it is not one. */
export function namesOfEnvironment(json: string): string[] {
  try {
    const list = JSON.parse(json) as readonly VariableJson[];
    return list.map(({name}) => name).filter((name) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  } catch {
    return [];
  }
}

/** In single quotes every byte means itself to a POSIX shell in any locale, except the quote. */
function exportForSh({name, value}: Variable): Buffer {
  return quoted(`export ${name}='`, value, (byte) => (byte === quote ? "'\\''" : undefined), "'\n");
}

/**
 * fish(1) reads its scripts in the user's locale; `\\X..` is a byte in every one. So what is not printable ASCII is
 * written that way, and outside of quotes, where escapes are read.
 */
function exportForFish({name, value}: Variable): Buffer {
  // Nothing between two quotes: an empty value is a value too.
  return quoted(`set -gx ${name} ''`, value, (byte) => (isPlain(byte) ? undefined : `\\X${hex(byte)}`), '\n');
}

function asJson({name, value}: Variable): VariableJson {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  return isUtf8(bytes) ? {name, value: bytes.toString('utf8')} : {name, base64: bytes.toString('base64')};
}

const quote = "'".charCodeAt(0);

function quoted(
  before: string,
  value: Uint8Array,
  escape: (byte: number) => string | undefined,
  after: string,
): Buffer {
  // Sized first and filled in place: no growing buffer leaves copies of the value behind.
  let length = 0;
  for (const byte of value) length += escape(byte)?.length ?? 1;
  const bytes = Buffer.alloc(before.length + length + after.length);
  let at = bytes.write(before, 'latin1');
  for (const byte of value) {
    const escaped = escape(byte);
    if (escaped === undefined) bytes[at++] = byte;
    else at += bytes.write(escaped, at, 'latin1');
  }
  bytes.write(after, at, 'latin1');
  return bytes;
}

/** Letters, digits and a few marks that mean nothing to fish. */
function isPlain(byte: number): boolean {
  return /[A-Za-z0-9_/.:,+@-]/.test(String.fromCharCode(byte));
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
