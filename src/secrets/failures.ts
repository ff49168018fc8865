import {dirname} from 'node:path';
import {printable} from '../foundation/printable.ts';
import type {BackendError} from '../contract/index.ts';
import {exitCode, type ExitCode} from '../foundation/exit-code.ts';
import {Failure} from '../foundation/failure.ts';

// secrets.yml

export function noSecretsFile(path: string | undefined): Failure {
  const what =
    path === undefined
      ? 'There is no secrets.yml in this directory or its parents.'
      : `There is no ${printable(path, 4096)}.`;
  return new Failure(exitCode.noInput, what, {
    next: path === undefined ? 'tazpod init' : `ls -l ${printable(dirname(path), 4096)}`,
  });
}

export function secretsFileOfAnother(path: string): Failure {
  return new Failure(exitCode.noPermission, `${printable(path, 4096)} belongs to another user.`, {
    why: 'A user who can write it controls the variables of your programs.',
    next: `copy it to your own directory, read it, and pass it with --secrets-file`,
  });
}

/** An agreement is missing, and nobody can be asked. */
export function untrusted(path: string, demands: readonly string[]): Failure {
  const what = `${printable(path, 4096)} asks for more than pulling secrets into the vault.`;
  return new Failure(exitCode.noPermission, what, {
    why: `Somebody else may have written it, and it ${demands.length === 1 ? 'asks for this' : 'asks for these'}: ${demands.join('; ')}.`,
    next: 'read it, then pass --trust if you agree',
  });
}

export function otherSecretsFile(source: string): Failure {
  return new Failure(exitCode.cannotCreate, 'This vault was pulled with another secrets.yml.', {
    why: `It is ${printable(source, 1024)}, and its secrets would be removed. To keep both, use another vault.`,
    next: 'tazpod pull --replace',
  });
}

// Backends

export function backendWithout(
  name: string,
  needs: 'login' | 'logout',
  isKnown: boolean,
  able: readonly string[],
): Failure {
  const what = isKnown
    ? `The backend ${name} needs no ${needs}.`
    : `No secret in secrets.yml uses a backend ${printable(name)}.`;
  return new Failure(exitCode.usage, what, able[0] === undefined ? {} : {next: `tazpod ${needs} ${able[0]}`});
}

/** `able` are the names of the backends that have a login. */
export function noSingleBackend(needs: 'login' | 'logout', able: readonly string[]): Failure {
  return able[0] === undefined
    ? new Failure(exitCode.usage, `No backend in secrets.yml needs a ${needs}.`, {next: 'tazpod pull'})
    : new Failure(exitCode.usage, `There are several backends: ${able.join(', ')}.`, {
        next: `tazpod ${needs} ${able[0]}`,
      });
}

export function noTerminalForSecret(): Failure {
  return new Failure(exitCode.usage, 'TazPod cannot ask for the secret: there is no terminal.', {
    next: 'tazpod login --client-id ID --client-secret-file FILE',
  });
}

export function noSecretIn(file: string): Failure {
  return new Failure(exitCode.data, `There is no secret in the first line of ${nameOf(file)}.`);
}

export function secretUnreadable(file: string, cause: unknown): Failure {
  return new Failure(exitCode.noInput, `${nameOf(file)} cannot be read.`, {cause});
}

function nameOf(file: string): string {
  return file === '-' ? 'Standard input' : printable(file, 4096);
}

export function staysLoggedIn(name: string, error: Failure): Failure {
  return new Failure(error.code, error.message, {
    why: `${error.why === undefined ? '' : `${error.why} `}The session with ${name} stays open; --forget would only delete it here.`,
    next: `tazpod logout ${name}`,
    cause: error,
  });
}

export function backendTimedOut(name: string, limitMs: number): Failure {
  return new Failure(exitCode.unavailable, `The backend ${name} timed out after ${limitMs / 1000} s.`, {
    next: 'try again, with a longer --timeout if the connection is slow',
  });
}

export function requestInterrupted(): Failure {
  return new Failure(exitCode.unavailable, 'The request was interrupted.');
}

const codes: Readonly<Record<BackendError['tazpod']['kind'], ExitCode>> = {
  'not-logged-in': exitCode.noPermission,
  'no-permission': exitCode.noPermission,
  'not-found': exitCode.noInput,
  unreachable: exitCode.unavailable,
  settings: exitCode.config,
  unavailable: exitCode.unavailable,
};

/** What a backend's error says, if its plugin wrote that for the user. */
export function backendError(error: unknown): Failure | undefined {
  const said = (error as Partial<BackendError> | null)?.tazpod;
  if (typeof said !== 'object' || !Object.hasOwn(codes, said.kind)) return undefined;
  const next = said.next ?? (said.kind === 'not-logged-in' ? 'tazpod login' : undefined);
  return new Failure(codes[said.kind], printable(said.what, 400), {
    ...(said.why === undefined ? {} : {why: printable(said.why, 1000)}),
    ...(next === undefined ? {} : {next: printable(next, 400)}),
    cause: error,
  });
}

export function backendMisbehaved(name: string, why: string, cause?: unknown): Failure {
  return new Failure(exitCode.software, `Internal error in the backend ${name}. This is a bug in its plugin.`, {
    why,
    next: 'report it to the author of its plugin',
    cause,
  });
}

// Pulling

/** The secrets are named with their places. `pathLikeName` is a name that looks like a path. */
export function secretsMissing(secrets: readonly string[], pathLikeName: string | undefined): Failure {
  const shown = secrets.slice(0, 10).join(', ');
  const more = secrets.length > 10 ? `, and ${secrets.length - 10} more` : '';
  const advice = pathLikeName === undefined ? 'name its folder with path:' : pathAdvice(pathLikeName);
  return new Failure(exitCode.noInput, `The backend does not have ${shown}${more}.`, {
    why: 'Nothing was changed.',
    next: `put it there, ${advice}, or set optional: true in secrets.yml`,
  });
}

/** Users of pass write "clients/token", which is the secret "token" in the folder "/clients". */
function pathAdvice(name: string): string {
  const cut = name.lastIndexOf('/');
  const [folder, last] = [name.slice(0, cut), name.slice(cut + 1)].map((part) => printable(part));
  return `write {path: ${folder!.startsWith('/') ? '' : '/'}${folder}, name: ${last}}`;
}

/** `sentence` goes on behind its name: "is not UTF-8.". */
export function secretRefused(name: string, backend: string, sentence: string, next?: string): Failure {
  const what = `The secret ${printable(name)} of ${backend} ${sentence}`;
  return new Failure(exitCode.data, what, next === undefined ? {} : {next});
}

export function sameTarget(what: string, other: string): Failure {
  return new Failure(exitCode.data, `Two secrets have the same target: ${what}.`, {
    why: `The other one is ${other}; TazPod ignores the case of letters here.`,
    next: 'give one of them another path in secrets.yml',
  });
}

export function environmentTooLong(bytes: number, limitBytes: number): Failure {
  return new Failure(exitCode.data, 'All variables together are too long: no program could start.', {
    why: `They have ${bytes} bytes, and the limit is ${limitBytes}.`,
    next: 'use file: instead of env: for the long ones',
  });
}

export function pullRunning(withinMs: number): Failure {
  return new Failure(exitCode.busy, 'Another pull is running in this vault.', {
    why: `TazPod waited ${Math.round(withinMs / 1000)} s.`,
    next: 'try again when it has ended',
  });
}

export function placeTaken(path: string): Failure {
  return new Failure(exitCode.cannotCreate, `A file that is not TazPod's is in the way: ${path}.`, {
    next: `rm ${path}`,
  });
}

/** The place of a secret, or one on the way to it, `wanted`. */
export function targetTaken(path: string, wanted: string): Failure {
  return new Failure(exitCode.cannotCreate, `A file that is not TazPod's is in the way: ${printable(path, 1024)}.`, {
    why:
      path === wanted ? 'A pull never overwrites your own files.' : `It is in the place of ${printable(wanted, 1024)}.`,
    next: 'rename it, or give the secret another "file" in secrets.yml',
  });
}

export function editedSincePull(path: string, isStillPulled: boolean): Failure {
  return new Failure(exitCode.cannotCreate, `${printable(path, 1024)} was changed here since it was pulled.`, {
    why: `${isStillPulled ? 'The backend has a new version.' : 'It is no longer pulled, and would be removed.'} To keep your changes, rename it first.`,
    next: 'tazpod pull --overwrite',
  });
}

/** What kept something from being written into the vault, in words for its user; other errors stay as they are. */
export function vaultWriteFailure(error: unknown): unknown {
  const {code} = error as NodeJS.ErrnoException;
  if (code === 'EROFS') return vaultReadOnly(error);
  return code === 'ENOSPC' || code === 'EDQUOT' ? vaultFull(error) : error;
}

function vaultReadOnly(cause: unknown): Failure {
  return new Failure(exitCode.cannotCreate, 'The vault is read-only.', {
    why: 'The secrets of the previous pull are unchanged.',
    next: 'tazpod lock',
    cause,
  });
}

function vaultFull(cause: unknown): Failure {
  return new Failure(exitCode.cannotCreate, 'The vault is full.', {
    why: 'The secrets of the previous pull are unchanged.',
    next: 'free some space in it, then: tazpod pull',
    cause,
  });
}

// Using what was pulled

export function outsideVault(why: string): Failure {
  return new Failure(exitCode.noPermission, 'This shell is not inside a vault.', {why, next: 'tazpod unlock'});
}

export function unknownVault(): Failure {
  return new Failure(exitCode.noPermission, 'This account did not pull the secrets in this vault on this machine.', {
    why: 'The exports are code that would run here, and somebody else may have written them. --trust accepts them.',
    next: 'tazpod pull',
  });
}

export function nothingPulled(): Failure {
  return new Failure(exitCode.noInput, 'Nothing has been pulled into this vault yet.', {next: 'tazpod pull'});
}

export function severalPlaces(name: string, places: readonly string[]): Failure {
  return new Failure(exitCode.usage, `${printable(name)} was pulled to several places.`, {
    why: `Choose one: ${places.map((each) => printable(each)).join(', ')}.`,
    next: `tazpod get ${printable(places[0]!)}`,
  });
}

export function noSuchSecret(name: string, meant: string | undefined): Failure {
  return new Failure(exitCode.noInput, `No pulled secret is named ${printable(name)}.`, {
    next: meant === undefined ? 'tazpod secrets list' : `tazpod get ${printable(meant)}`,
  });
}

export function environmentDiffers(): Failure {
  return new Failure(exitCode.data, 'The rendered environment differs from the pulled one.', {
    next: 'tazpod pull',
  });
}

export function secretOnTerminal(name: string): Failure {
  return new Failure(exitCode.noPermission, 'tazpod get prints a secret on a terminal only with --reveal.', {
    why: 'People nearby could read it, and it would stay in the scrollback.',
    next: `tazpod get ${name} --reveal`,
  });
}

export function exportsOnTerminal(): Failure {
  return new Failure(exitCode.noPermission, 'tazpod env does not print secrets on a terminal.', {
    next: 'eval "$(tazpod env)"',
  });
}

export function commandNotStarted(cause: unknown): Failure {
  return new Failure(exitCode.unavailable, 'The command cannot be started.', {cause});
}

export function noScript(): Failure {
  return new Failure(exitCode.unavailable, 'The program script is not installed.', {next: 'apt-get install bsdutils'});
}
