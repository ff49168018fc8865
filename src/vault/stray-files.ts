import {readdirSync} from 'node:fs';
import {printable} from '../foundation/printable.ts';

/**
 * What lies in a mount point while no vault covers it: files that somebody has put there in the belief that the vault
 * was open. They are on the disk in the clear, and a session does not see them.
 */
export function strayNames(mountPoint: string): string[] {
  try {
    return readdirSync(mountPoint).sort();
  } catch {
    // It is not there yet, or it is no directory: then nothing is in it.
    return [];
  }
}

/** A sentence on them. */
export function describeStray(mountPoint: string, names: readonly string[]): string {
  const some = names.slice(0, 3).map((name) => JSON.stringify(printable(name)));
  const rest = names.length > some.length ? `, and ${names.length - some.length} more` : '';
  return (
    `${printable(mountPoint, 400)} contains files outside the vault: ${some.join(', ')}${rest}. ` +
    'They are not encrypted, and sessions do not see them.'
  );
}

/** The command that moves them into the vault. */
export const absorbCommand = 'tazpod vault absorb';
