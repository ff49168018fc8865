import {randomBytes} from 'node:crypto';
import {mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {isKnownVault, knownVaultsFolder, vaultMarkPath} from '../../lifecycle/vault-mark.ts';
import {unknownVault} from '../failures.ts';
import {makeOwnFolder, replaceOwnFile} from './own-files.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Makes a vault one of this account's: see `vault-mark.ts`. The number is a new one if it was not known: a user who has
 * made the vault knows the old one.
 */
export function rememberVault(mountPoint: string, environment: Environment): void {
  if (isKnownVault(mountPoint, environment)) return;
  const folder = knownVaultsFolder(environment);
  if (folder === undefined) return;
  const mark = randomBytes(32).toString('hex');
  makeOwnFolder(join(mountPoint, '.tazpod'));
  replaceOwnFile(vaultMarkPath(mountPoint), Buffer.from(mark));
  mkdirSync(folder, {recursive: true, mode: 0o700});
  writeFileSync(join(folder, mark), '', {mode: 0o600});
}

/** Throws a Failure (77) where what was rendered in the vault is not from a pull of this account's. */
export function needKnownVault(mountPoint: string, environment: Environment): void {
  if (isKnownVault(mountPoint, environment)) return;
  throw unknownVault();
}
