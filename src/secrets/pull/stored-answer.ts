import type {Secret} from '../../contract/index.ts';

/** What a store has answered for one folder, as it is kept in the vault. */
export type StoredAnswer = {readonly secrets: readonly Secret[]; readonly validator?: string};

type Header = {
  readonly version: number;
  readonly validator?: string;
  readonly secrets: readonly {readonly name: string; readonly path: string; readonly sizeBytes: number}[];
};

/**
 * The length of the header in four bytes, the header in JSON, and all values behind each other: so that a value never
 * becomes a string, which could not be wiped.
 */
export function encodeAnswer({secrets, validator}: StoredAnswer): Buffer {
  const list = secrets.map(({name, path, value}) => ({name, path, sizeBytes: value.length}));
  const header: Header = {version: 1, ...(validator === undefined ? {} : {validator}), secrets: list};
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.length);
  return Buffer.concat([length, json, ...secrets.map(({value}) => value)]);
}

/** Undefined for other bytes. The values are parts of the bytes given. */
export function decodeAnswer(bytes: Buffer): StoredAnswer | undefined {
  try {
    const start = 4 + bytes.readUInt32LE(0);
    const {version, validator, secrets} = JSON.parse(bytes.toString('utf8', 4, start)) as Header;
    const end = secrets.reduce((sum, {sizeBytes}) => sum + sizeBytes, start);
    if (version !== 1 || end !== bytes.length || secrets.some(({sizeBytes}) => !(sizeBytes >= 0))) return undefined;
    let at = start;
    const values = secrets.map(({name, path, sizeBytes}) => ({
      name,
      path,
      value: bytes.subarray(at, (at += sizeBytes)),
    }));
    return {secrets: values, ...(validator === undefined ? {} : {validator})};
  } catch {
    return undefined;
  }
}
