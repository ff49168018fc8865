import {existsSync} from 'node:fs';
import {quotedWord} from '../../foundation/shell-word.ts';
import {namesOfEnvironment} from './environment-files.ts';

/** Which of the pulled variables a command gets: all, none, or some by their names. */
export type VariableChoice = 'all' | 'none' | readonly string[];

/**
 * The words of a command that gets pulled variables. A shell reads them inside, because only there they are: nothing but
 * names passes through this process, the plan and argv, and every byte survives, which it does not in Node's
 * environment. What is read is what the last pull has rendered; `TAZPOD_VAULT` is set by the ghost.
 */
export function withVariables(command: readonly string[], choice: VariableChoice): string[] {
  if (choice === 'none') return [...command];
  const script = choice === 'all' ? sourceAll : sourceSome;
  const names = choice === 'all' ? [] : [...choice, '--'];
  return [...shell(), '-c', script, 'tazpod', ...names, ...command];
}

/** The words of a command and, if it ends well, of another one with the variables that are there then. */
export function thenWithVariables(command: readonly string[], next: readonly string[]): string[] {
  const quoted = command.map(quotedWord).join(' ');
  return [...shell(), '-c', `eval "$1" || exit; shift; ${sourceAll}`, 'tazpod', quoted, ...next];
}

/** An environment without any of the pulled variables, for a command that gets some or none. */
export function withoutPulled(
  environment: Readonly<Record<string, string | undefined>>,
  environmentJson: string,
): Record<string, string> {
  const pulled = new Set(namesOfEnvironment(environmentJson));
  return Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) =>
      value === undefined || pulled.has(name) ? [] : [[name, value]],
    ),
  );
}

const folder = '"$TAZPOD_VAULT/.tazpod/environment';

// env(1) starts the command, as it does without variables: it looks in PATH, and ends with 126 or 127 where it finds none.
const start = 'exec /usr/bin/env -- "$@"';

const sourceAll = `[ -r ${folder}/environment.sh" ] && . ${folder}/environment.sh"; ${start}`;

const sourceSome = [
  `while [ "$1" != -- ]; do [ -r ${folder}/variables/$1.sh" ] || { echo "error: No variable $1 was pulled." >&2; echo "  Next: tazpod secrets list" >&2; exit 78; }`,
  `. ${folder}/variables/$1.sh"`,
  'shift',
  'done',
  'shift',
  start,
].join('; ');

/**
 * bash keeps variables whose names are not valid in a shell (functions of other shells, names with dots), and with `-p`
 * it neither reads BASH_ENV nor takes functions from the environment. Where standard input is a socket it would take
 * itself for the child of sshd and read the user's .bashrc. dash loses such variables, and is taken where there is no
 * bash.
 */
function shell(): string[] {
  return existsSync('/bin/bash') ? ['/bin/bash', '--norc', '-p'] : ['/bin/sh'];
}
