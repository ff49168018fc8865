import {type Interfaces, settings} from '@oclif/core';
import {nearest} from '../config/nearest.ts';
import type {Failure} from '../foundation/failure.ts';
import {shellWord} from '../foundation/shell-word.ts';
import {internalError, unknownFlag, wrongUsage} from './failures.ts';

/** What was typed: the command's name, the words behind it, and the flags that it has. */
export type TypedCommand = {
  readonly name: string;
  readonly words: readonly string[];
  readonly flags: Readonly<Record<string, Pick<Interfaces.BooleanFlag<boolean>, 'name' | 'hidden'>>>;
};

/**
 * Any error as a Failure. oclif's parser errors are the user's (64); what nobody expected is a bug of ours (70), whose
 * message may hold anything and is shown with `--debug` only.
 */
export function failureOf(error: Error & {oclif?: {exit?: number}; flags?: unknown}, typed: TypedCommand): Failure {
  if (error.name === 'Failure' && 'code' in error) return error as Failure;
  if (error.oclif?.exit === undefined || settings.debug) return internalError(error.name, error);
  if (error.constructor.name === 'NonExistentFlagsError') {
    return withNearestFlag((error.flags as string[])[0]!.replace(/=.*/s, ''), typed);
  }
  const lines = error.message.trim().split('\n');
  return wrongUsage(
    typed.name,
    lines.filter((line) => !line.startsWith('See more help')),
    error,
  );
}

/** A flag that this command does not have, and the command line with the one that was probably meant. */
function withNearestFlag(flag: string, {name, words, flags}: TypedCommand): Failure {
  const known = Object.values(flags).filter(({hidden}) => !hidden);
  const names = known.map((each) => `--${each.name}`);
  const meant = flag.startsWith('--') ? nearest(flag, names) : undefined;
  if (meant === undefined) return unknownFlag(name, flag);
  // Alone, or with a value behind it.
  const corrected = words.map((word) =>
    shellWord(word === flag || word.startsWith(`${flag}=`) ? meant + word.slice(flag.length) : word),
  );
  return unknownFlag(name, flag, meant, `tazpod ${[name, ...corrected].join(' ')}`);
}
