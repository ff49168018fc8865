import {existsSync} from 'node:fs';
import type {Hook, Interfaces} from '@oclif/core';
import type {JsonEnvelope} from '../cli/base-command.ts';
import {nearest} from '../config/nearest.ts';
import {printable} from '../foundation/printable.ts';
import {didYouMean, flagWithoutCommand, unexpectedArgument, unknownCommand} from '../cli/failures.ts';
import {meaningOf} from '../help/synonyms.ts';
import type {Failure} from '../foundation/failure.ts';
import {shellWord} from '../foundation/shell-word.ts';
import {renderFailure} from '../cli/report/render-failure.ts';
import {givenVault} from '../vault/given-image.ts';
import {knownVault} from '../vault/known-vaults.ts';
import {locateImage} from '../vault/location.ts';

/** What oclif asks when no command has the id that was typed: a slip, or a command of a plugin that is not there. */
const commandNotFound: Hook.CommandNotFound = async function ({id, argv = []}) {
  const failure = notFound(id.split(':'), argv, this.config);
  if (argv.includes('--json')) {
    const {code, ...error} = failure.toJSON();
    const envelope: JsonEnvelope<never> = {status: code, error, warnings: []};
    process.stdout.write(`${JSON.stringify(envelope, undefined, 2)}\n`);
  } else process.stderr.write(renderFailure(failure));
  this.exit(failure.code);
};

function notFound(words: readonly string[], argv: readonly string[], config: Interfaces.Config): Failure {
  const typed = printable(words.join(' '));
  const command = (text: string, rest: readonly string[]) =>
    `tazpod ${[text, ...rest.map(shellWord), ...argv.map(shellWord)].join(' ')}`;

  const meant = meaningOf(words, () => imageOf(argv));
  if (meant !== undefined && 'next' in meant) return unknownCommand(typed, meant);
  if (meant !== undefined) {
    return didYouMean(typed, meant.command.replace(/ --$/, ''), command(meant.command, meant.rest));
  }
  // What was typed behind a name is its arguments: the name is the first words.
  const shown = config.commands.filter(({hidden}) => !hidden).map((each) => each.id.replaceAll(':', ' '));
  for (const length of [words.length, 2, 1].filter((each, index) => index === 0 || each < words.length)) {
    const start = words.slice(0, length).join(' ');
    const [argument] = words.slice(length);
    if (argument !== undefined && shown.includes(start)) return unexpectedArgument(start, argument, command(start, []));
    const name = nearest(start, shown);
    if (name !== undefined) return didYouMean(typed, name, command(name, words.slice(length)));
  }
  // A flag without a command: `tazpod --image PATH`.
  if (words[0]?.startsWith('-')) {
    const given = givenVault([words[0], ...argv]);
    return flagWithoutCommand(typed, given === undefined ? 'tazpod help' : command(`unlock ${words[0]}`, []));
  }
  return unknownCommand(typed);
}

/** The image that was meant, if that can be known. */
function imageOf(argv: readonly string[]): string {
  try {
    const [flag, value] = givenVault(argv) ?? [];
    if (flag === '--image') return shellWord(value!);
    const image = value === undefined ? locateImage(undefined) : knownVault(value).image;
    return existsSync(image) ? shellWord(image) : 'IMAGE';
  } catch {
    // The working directory is gone, or no vault has that name.
    return 'IMAGE';
  }
}

export default commandNotFound;
