import {Flags} from '@oclif/core';
import {BaseCommand} from '../cli/base-command.ts';
import {thisMachine} from '../doctor/context.ts';
import {diagnose, type Diagnosis} from '../doctor/diagnose.ts';
import {noSudoersRule} from '../doctor/failures.ts';
import {renderDiagnosis} from '../doctor/render.ts';
import {exitCode} from '../foundation/exit-code.ts';
import type {Failure} from '../foundation/failure.ts';
import {findContributions} from '../extensions/contributions.ts';
import {type ShadowingAlias, shadowingAliases} from '../shell/aliases.ts';
import {collectLatches} from '../shell/latches.ts';
import {whichShells} from '../shell/which-shell.ts';
import {usersShell} from '../vault/users-shell.ts';
import {ghostEntry} from '../vault/start-ghost.ts';
import {defaultMountPoint} from '../vault/location.ts';
import {vaultHere} from '../vault/inside.ts';

export default class Doctor extends BaseCommand<Diagnosis> {
  static override description = [
    'Checks whether this machine has what TazPod needs, and prints the commands that fix problems.',
    'It checks tools and their versions, kernel features, devices, sudo, memory, swap, core dumps, and ' +
      'whether you can change the program that runs as root. At the end it prints the engine and the isolation ' +
      'that a vault gets here. Exits with 69 if no vault can be opened.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --json',
    {
      command: '<%= config.bin %> <%= command.id %> --sudoers',
      description: 'Print a rule that lets sudo start the ghost, and nothing else, without a password:',
    },
  ];
  static override flags = {
    sudoers: Flags.boolean({description: 'print only a sudoers file for this user and this install'}),
  };
  static override summary = 'Check this machine for problems';

  async run(): Promise<Diagnosis> {
    const {flags} = await this.parse(Doctor);
    const machine = thisMachine(ghostEntry, await this.#mountPoint());
    const diagnosis = await diagnose({...machine, aliases: await this.#aliases()});
    if (flags.sudoers) {
      if (diagnosis.sudoers === undefined) throw noAdvice();
      this.log(diagnosis.sudoers.content.trimEnd());
      return diagnosis;
    }
    this.log(renderDiagnosis(diagnosis));
    if (vaultHere() !== undefined) this.remark(insideAGhost);
    else if (diagnosis.conclusion.isolation === 'none') process.exitCode = exitCode.unavailable;
    return diagnosis;
  }

  /** A configuration or a plugin that is wrong is not what is asked here, and must not stop the answer. */
  async #aliases(): Promise<readonly ShadowingAlias[]> {
    try {
      const [{latches, values}, found] = await Promise.all([this.configuration(), findContributions(this.config)]);
      const latched = collectLatches(found, latches).map(({command}) => command);
      return whichShells(undefined, values.shells, usersShell()).flatMap((shell) => shadowingAliases(shell, latched));
    } catch {
      return [];
    }
  }

  /** The configured one. What is wrong with the configuration is for other commands to say. */
  async #mountPoint(): Promise<string | undefined> {
    if (vaultHere() !== undefined) return undefined;
    const configured = await this.configuration().catch(() => undefined);
    return configured?.values['mount-point'] ?? defaultMountPoint();
  }
}

const insideAGhost =
  'This shell is inside a ghost, where no program can become root: sudo does not work, and no other vault can be opened. ' +
  'exec, pull, get, status and lock work. For what this machine can do, run "tazpod doctor" outside.';

function noAdvice(): Failure {
  return noSudoersRule();
}
