import {closeSync, constants, lstatSync, openSync, readSync} from 'node:fs';
import {join} from 'node:path';

/**
 * A vault may have come from somebody else, together with its passphrase. Its files are looked at before they
 * are used; but what a pull has rendered for shells is code, and is run unseen. So a pull leaves a random number in the
 * vault, and a file of that name in the user's data folder outside. Where the two do not meet, nothing in the vault was
 * put there by this account's pulls: no variable is set, no agreement holds, no earlier answer of a store is believed.
 */
const markPath = '.tazpod/mark';

const markPattern = /^[0-9a-f]{64}$/;

/** Where the marks of the user's own vaults are: see the XDG Base Directory Specification. */
export function knownVaultsFolder(environment: Readonly<Record<string, string | undefined>>): string | undefined {
  const {XDG_DATA_HOME: data, HOME: home} = environment;
  const base = data?.startsWith('/') ? data : home?.startsWith('/') ? join(home, '.local/share') : undefined;
  return base === undefined ? undefined : join(base, 'tazpod/vaults');
}

/** Where a mounted vault has its mark. */
export function vaultMarkPath(mountPoint: string): string {
  return join(mountPoint, markPath);
}

/** Whether this account has pulled into the vault that is mounted there. */
export function isKnownVault(mountPoint: string, environment: Readonly<Record<string, string | undefined>>): boolean {
  const folder = knownVaultsFolder(environment);
  const mark = readMark(vaultMarkPath(mountPoint));
  if (folder === undefined || mark === undefined) return false;
  const known = lstatSync(join(folder, mark), {throwIfNoEntry: false});
  return known?.isFile() === true && known.uid === process.getuid!();
}

function readMark(path: string): string | undefined {
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const bytes = Buffer.alloc(65);
      const text = bytes.toString('latin1', 0, readSync(fd, bytes, 0, bytes.length, 0));
      return markPattern.test(text) ? text : undefined;
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined;
  }
}
