import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {restoreSignalDefaults} from '../../foundation/signal-defaults.ts';
import {audit} from '../vault-directory/audit.ts';
import {parseEnvironment} from '../environment/environment-files.ts';
import {userEnvironment} from '../environment/user-environment.ts';
import {readRecord} from '../installed/generations.ts';
import {linesOf, shortestMaskedBytes} from './redactor.ts';
import {runRedacted} from './relay.ts';
import {type VariableChoice, withoutPulled, withVariables} from '../environment/session-words.ts';

/** Becomes a command, in a ghost, with the pulled variables that were chosen and none of the others. */
export function becomeCommand(mountPoint: string, command: readonly string[], choice: VariableChoice): never {
  const words = withVariables(['/usr/bin/env', '--', ...command], choice);
  restoreSignalDefaults();
  letStreamsBlock();
  return process.execve!(words[0]!, words, environmentFor(mountPoint, choice));
}

/** Runs a command, in a ghost, with every pulled value masked in its output; returns its exit code. */
export async function runMasked(
  mountPoint: string,
  command: readonly string[],
  choice: VariableChoice,
): Promise<number> {
  const values = pulledValues(mountPoint);
  try {
    return await runRedacted(
      withVariables(['/usr/bin/env', '--', ...command], choice),
      environmentFor(mountPoint, choice),
      values,
    );
  } finally {
    for (const value of values) value.fill(0);
  }
}

/** The environment of this process, without the pulled variables that it may have already; the shell adds the chosen. */
function environmentFor(mountPoint: string, choice: VariableChoice): Record<string, string> {
  const json = readEnvironment(mountPoint)?.toString('utf8') ?? '[]';
  return {...withoutPulled(userEnvironment(), choice === 'all' ? '[]' : json), TAZPOD_VAULT: mountPoint};
}

/** The lines of all values. Paths of files are no secrets. */
function pulledValues(mountPoint: string): Buffer[] {
  const {files = [], variables = []} = readRecord(mountPoint) ?? {};
  const paths = new Set(files.map(({path}) => join(mountPoint, path)));
  const known = new Set(variables.map(({name}) => name));
  const values = parseEnvironment(readEnvironment(mountPoint) ?? Buffer.from('[]'))
    .filter(({name, value}) => known.has(name) && !paths.has(Buffer.from(value).toString()))
    .map(({value}) => value);
  const contents = files.flatMap(({path}) => {
    try {
      return [readFileSync(join(mountPoint, path))];
    } catch {
      return [];
    }
  });
  audit(mountPoint, 'read', [...known, ...files.map(({path}) => path)]);
  return linesOf([...values, ...contents]).filter((line) => line.length >= shortestMaskedBytes);
}

function readEnvironment(mountPoint: string): Buffer | undefined {
  try {
    return readFileSync(join(mountPoint, '.tazpod/environment/environment.json'));
  } catch {
    return undefined;
  }
}

/**
 * Node puts pipes and sockets into non-blocking mode when a package looks at a standard stream, and takes that back when it
 * exits, but not when it becomes another program. The mode belongs to the open file: the command, and the shell that
 * reads its script from the same pipe, would take EAGAIN for an error.
 */
function letStreamsBlock(): void {
  for (const stream of [process.stdin, process.stdout, process.stderr]) {
    (stream as {_handle?: {setBlocking?(blocking: boolean): number}})._handle?.setBlocking?.(true);
  }
}
