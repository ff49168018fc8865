import {createHmac, randomBytes} from 'node:crypto';

/** One file that a pull has made. */
export type PulledFile = {
  /** From the mount point. */
  readonly path: string;
  readonly mode: number;
  readonly sizeBytes: number;
  /** Of the bytes that were pulled; see `digestWith`. */
  readonly digest: string;
  /** The names of the secrets in it. */
  readonly secrets: readonly string[];
};

export type PulledVariable = {
  readonly name: string;
  readonly sizeBytes: number;
  readonly digest: string;
  readonly secrets: readonly string[];
};

/** What one pull has brought, without a value: `pulled.json` of a generation. */
export type PulledRecord = {
  readonly version: 1;
  /** ISO 8601. */
  readonly pulled: string;
  /** The `secrets.yml` that it was pulled by. */
  readonly source: string;
  readonly profile?: string;
  /** Of this vault's own, 32 bytes in hexadecimal: see `digestWith`. */
  readonly salt: string;
  readonly files: readonly PulledFile[];
  readonly variables: readonly PulledVariable[];
  /** Folders of the vault that were made for files, and go with them. */
  readonly folders: readonly string[];
};

/**
 * A digest by which values are compared and which is shown by `diff`. It is keyed with a random number of the vault's
 * own, because from a bare hash of a short value the value could be guessed outside.
 */
export function digestWith(salt: string, bytes: Uint8Array): string {
  return createHmac('sha256', Buffer.from(salt, 'hex')).update(bytes).digest('hex');
}

export function newSalt(): string {
  return randomBytes(32).toString('hex');
}

/** A record as JSON; undefined where it is not one. A vault may come from somebody else. */
export function parseRecord(json: string): PulledRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return undefined;
  }
  const record = value as Partial<PulledRecord> | null;
  const usable =
    typeof record === 'object' &&
    record?.version === 1 &&
    typeof record.pulled === 'string' &&
    !Number.isNaN(Date.parse(record.pulled)) &&
    typeof record.source === 'string' &&
    /^[0-9a-f]{64}$/.test(String(record.salt)) &&
    [record.files, record.variables, record.folders].every(Array.isArray) &&
    record.files!.every(({path, digest}) => typeof path === 'string' && typeof digest === 'string') &&
    record.variables!.every(({name, digest}) => typeof name === 'string' && typeof digest === 'string') &&
    record.folders!.every((path) => typeof path === 'string');
  return usable ? (record as PulledRecord) : undefined;
}
