import {userInfo} from 'node:os';
import {basename} from 'node:path';
import {isExecutable} from '../foundation/access.ts';
import {shellUnusable} from './failures.ts';

/** The user's own shell: what `SHELL` says, else the login name database. */
export function usersShell(environment: NodeJS.ProcessEnv = process.env): string {
  return environment['SHELL'] || loginShell() || '/bin/sh';
}

/**
 * The user's own shell, for a session. Throws a Failure (69) if it cannot run a session, before a passphrase is typed.
 */
export function sessionShell(environment: NodeJS.ProcessEnv = process.env): string {
  const shell = usersShell(environment);
  const why = noShells.has(basename(shell)) ? 'It exits at once.' : isProgram(shell) ? undefined : 'It cannot be run.';
  if (why === undefined) return shell;
  throw shellUnusable(shell, why);
}

/** What accounts have for a shell that nobody is to log in to. */
const noShells: ReadonlySet<string> = new Set(['nologin', 'false', 'true', 'sync']);

function loginShell(): string | null {
  try {
    return userInfo().shell;
  } catch {
    // A user need not be in the login name database.
    return null;
  }
}

function isProgram(path: string): boolean {
  // A name without a slash is looked for in PATH, inside.
  return !path.includes('/') || isExecutable(path);
}
