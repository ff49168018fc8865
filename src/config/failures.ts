import {exitCode} from '../foundation/exit-code.ts';
import {Failure} from '../foundation/failure.ts';
import {printable} from '../foundation/printable.ts';

export function noOwnHome(reasons: readonly string[]): Failure {
  return new Failure(exitCode.noInput, 'You have no home directory.', {
    why: `${reasons.join(', and ')}.`,
    next: 'export HOME=DIR',
  });
}

export function unreadable(path: string, why: string): Failure {
  return new Failure(exitCode.config, `${printable(path, 4096)} cannot be read.`, {why});
}

export const tooDeep = 'This is nested too deeply.';

export function nestedTooDeeply(path: string): Failure {
  return new Failure(exitCode.config, `${printable(path, 4096)}:1:1: ${tooDeep}`);
}

/** The first fault of a file, the others below it, each with its place. */
export function invalidYaml(what: string, more: readonly string[], next: string | undefined): Failure {
  return new Failure(exitCode.config, what, {
    ...(more.length === 0 ? {} : {why: more.join('\n  ')}),
    ...(next === undefined ? {} : {next}),
  });
}

/** `sentence` is what is wrong with it: "must be …". */
export function invalidVariable(variable: string, sentence: string): Failure {
  return new Failure(exitCode.config, `The environment variable ${variable} ${sentence}`, {next: `unset ${variable}`});
}
