import type {Hook} from '@oclif/core';
import {type JsonEnvelope, renderFailure} from '../base-command.ts';
import {nearest} from '../config/nearest.ts';
import {printable} from '../config/printable.ts';
import {exitCode} from '../lifecycle/exit-code.ts';
import {Failure} from '../lifecycle/failure.ts';

/** What oclif asks when no command has the id that was typed: a slip, or a command of a plugin that is not there. */
const commandNotFound: Hook.CommandNotFound = async function ({id, argv = []}) {
  const typed = id.replaceAll(':', ' ');
  const shown = this.config.commands.filter(({hidden}) => !hidden).map((command) => command.id.replaceAll(':', ' '));
  const meant = nearest(typed, shown);
  const failure = new Failure(exitCode.usage, `There is no command ${JSON.stringify(printable(typed))}.`, {
    why: meant === undefined ? 'Perhaps a plugin brings it that is not installed.' : `Did you mean "${meant}"?`,
    next: meant === undefined ? 'tazpod plugins:install NAME, or: tazpod help' : `tazpod ${meant}`,
  });
  if (argv.includes('--json')) {
    const {code, ...error} = failure.toJSON();
    const envelope: JsonEnvelope<never> = {status: code, error, warnings: []};
    process.stdout.write(`${JSON.stringify(envelope, undefined, 2)}\n`);
  } else process.stderr.write(renderFailure(failure));
  this.exit(failure.code);
};

export default commandNotFound;
