import {resolve} from 'node:path';
import type {KeySource} from '../lifecycle/plan.ts';
import {keyTakesAllInput, twoKeySources} from '../vault/failures.ts';

export type KeyFlags = {readonly 'passphrase-file'?: string | undefined; readonly 'key-file'?: string | undefined};

/**
 * Where the key comes from: a flag, else `TAZPOD_PASSPHRASE_FILE`, else the terminal. The file is named here and read
 * by the ghost; this process never sees what is in it.
 */
export function keySource(flags: KeyFlags, environment: NodeJS.ProcessEnv = process.env): KeySource {
  if (flags['passphrase-file'] !== undefined && flags['key-file'] !== undefined) throw twoKeySources();
  if (flags['key-file'] !== undefined) return fromFile(flags['key-file'], 'key');
  const file = flags['passphrase-file'] ?? (environment['TAZPOD_PASSPHRASE_FILE'] || undefined);
  return file === undefined ? {from: 'terminal'} : fromFile(file, 'passphrase');
}

export type NewKeyFlags = {
  readonly 'new-passphrase-file'?: string | undefined;
  readonly 'new-key-file'?: string | undefined;
};

/** Where a new key comes from. Standard input has both, if it has to: a passphrase is one line. Throws a Failure (64). */
export function newKeySource(flags: NewKeyFlags, current: KeySource): KeySource {
  const {'new-passphrase-file': passphraseFile, 'new-key-file': keyFile} = flags;
  if (passphraseFile !== undefined && keyFile !== undefined) throw twoKeySources('new-');
  const file = passphraseFile ?? keyFile;
  const source: KeySource =
    file === undefined ? {from: 'terminal'} : fromFile(file, keyFile === undefined ? 'passphrase' : 'key');
  if (source.from === 'stdin' && current.from === 'stdin' && current.form === 'key') throw keyTakesAllInput();
  return source;
}

/** A descriptor of this process (`<(pass show vault)`) is named so that the ghost, another process, can open it too. */
function fromFile(file: string, form: 'passphrase' | 'key'): KeySource {
  if (file === '-') return {from: 'stdin', form};
  const path = resolve(file).replace(/^\/(?:dev|proc\/self)\/fd\//, `/proc/${process.pid}/fd/`);
  return {from: 'file', form, path};
}
