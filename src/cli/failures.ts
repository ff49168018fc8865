import {printable} from '../foundation/printable.ts';
import {exitCode} from '../foundation/exit-code.ts';
import {Failure} from '../foundation/failure.ts';

/** What oclif's parser says of a command line, in its words. */
export function wrongUsage(command: string, lines: readonly string[], cause: unknown): Failure {
  const [what = '', ...more] = lines;
  return new Failure(exitCode.usage, what, {
    ...(more.length === 0 ? {} : {why: more.join('\n  ')}),
    next: `tazpod help ${command}`,
    cause,
  });
}

/** `meant` is the flag that is probably meant, and `next` the command line with it. */
export function unknownFlag(command: string, typed: string, meant?: string, next = `tazpod help ${command}`): Failure {
  return new Failure(exitCode.usage, `"tazpod ${command}" has no flag ${printable(typed)}.`, {
    ...(meant === undefined ? {} : {why: `Did you mean ${meant}?`}),
    next,
  });
}

export function unexpectedArgument(command: string, argument: string, next: string): Failure {
  return new Failure(exitCode.usage, `"tazpod ${command}" takes no argument, and ${JSON.stringify(argument)} is one.`, {
    next,
  });
}

export function unknownCommand(typed: string, meant?: {readonly why: string; readonly next: string}): Failure {
  return new Failure(
    exitCode.usage,
    `There is no command ${JSON.stringify(typed)}.`,
    meant ?? {
      why: 'A plugin that is not installed may provide it. "tazpod help" lists the commands.',
      next: 'tazpod plugins install NAME',
    },
  );
}

export function didYouMean(typed: string, command: string, next: string): Failure {
  return new Failure(exitCode.usage, `There is no command ${JSON.stringify(typed)}.`, {
    why: `Did you mean "${command}"?`,
    next,
  });
}

export function flagWithoutCommand(typed: string, next: string): Failure {
  return new Failure(exitCode.usage, `There is no flag ${JSON.stringify(typed)} without a command.`, {next});
}

export function internalError(name: string, cause: unknown): Failure {
  return new Failure(exitCode.software, 'Internal error. This is a bug in TazPod.', {
    why: `${name}; --debug shows the details.`,
    next: 'run it again with --debug and report it',
    cause,
  });
}
