import {basename} from 'node:path';
import {noShellName} from './failures.ts';

/**
 * The shells that are meant: the one that was named, else those of the configuration, else the login shell. Throws a
 * Failure (64) for what is no name of a program.
 */
export function whichShells(
  named: string | undefined,
  configured: readonly string[] | undefined,
  loginShell: string,
): readonly string[] {
  const names = named === undefined ? (configured ?? [basename(loginShell)]) : [named];
  const wrong = names.find((name) => !/^[a-z0-9][a-z0-9-]{0,63}$/.test(name));
  if (wrong === undefined) return names;
  throw noShellName(wrong);
}
