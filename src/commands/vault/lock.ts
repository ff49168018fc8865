import {existsSync} from 'node:fs';
import {Flags} from '@oclif/core';
import {BaseCommand} from '../../cli/base-command.ts';
import {findContributions} from '../../extensions/contributions.ts';
import {exitCode} from '../../foundation/exit-code.ts';
import {Failure} from '../../foundation/failure.ts';
import {carryOutCleaning, describeAction, describeObservation, isClean, planCleaning} from '../../vault/clean.ts';
import {leftoversRemain, noVaultHere} from '../../vault/failures.ts';
import {lockFromInside} from '../../vault/lock-inside.ts';
import {lockAllOpen, lockFromOutside, type LockResult, type LockTimes} from '../../vault/lock.ts';
import {locateImage} from '../../vault/location.ts';
import {listOpenVaults} from '../../vault/state.ts';
import {vaultCommand} from '../../vault/given-image.ts';
import {nameShells} from '../../vault/welcome.ts';
import type {Presentation} from '../../vault/presentation.ts';
import {imageFlags, waitFlags} from '../../cli/vault-flags.ts';

/** The `result` of `vault lock --all --json`. */
export type AllLocked = {
  /** Each vault of yours that was open. */
  readonly vaults: readonly LockResult[];
};

export default class Lock extends BaseCommand<LockResult | AllLocked> {
  static override aliases = ['lock'];
  static override description = [
    'Ends the session and closes the vault, from any other shell or from inside.',
    "The session's processes get SIGHUP, and SIGKILL after the grace time. The unlock command of the session " +
      'exits with 79.',
    'With a strategy, TazPod then also removes the leftovers of other programs, such as a manual mount ' +
      'or the remains of a container. To see the actions first, run "tazpod vault clean --dry-run".',
  ].join('\n\n');
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --grace 10'];
  static override flags = {
    ...imageFlags,
    all: Flags.boolean({description: 'lock all of your open vaults', exclusive: ['image', 'vault', 'strategy']}),
    ...waitFlags,
    grace: Flags.integer({
      description: 'seconds between SIGHUP and SIGKILL',
      default: 3,
      helpValue: 'SECONDS',
      max: 600,
      min: 0,
    }),
    strategy: Flags.string({
      description:
        'clean up leftovers afterwards [default: cleanup.strategy of the configuration, if the vault does not close]',
      helpValue: 'NAME',
    }),
  };
  static override summary = 'Lock the vault';

  async run(): Promise<LockResult | AllLocked> {
    const {flags} = await this.parse(Lock);
    const own = await this.inside(flags);
    if (own !== undefined) {
      lockFromInside(flags.grace * 1000);
      return {image: own.image, wasOpen: true};
    }
    const presentation = this.presentation(flags);
    const {strategy, grace, wait} = flags;
    const times = {graceMs: grace * 1000, waitMs: wait * 1000};
    if (flags.all) return this.#lockAll(times, presentation);
    const image = locateImage((await this.configured(flags, 'image')).image);
    const elsewhere = flags.image === undefined ? openVaultsBut(image) : [];
    if (!existsSync(image) && elsewhere.length > 0) throw noVaultHere(image, elsewhere, lockCommand(elsewhere));
    let result: LockResult;
    try {
      result = await lockFromOutside(image, times, presentation);
    } catch (error) {
      const busy = error instanceof Failure && error.code === exitCode.busy;
      const fallback = strategy ?? (busy ? await this.#configuredStrategy() : undefined);
      if (!busy || fallback === undefined) throw error;
      return await this.#clean({image, wasOpen: true}, fallback, presentation);
    }
    if (strategy !== undefined) result = await this.#clean(result, strategy, presentation);
    this.log(describe(result));
    if (!result.wasOpen && elsewhere.length > 0) {
      this.log(`Open elsewhere: ${elsewhere.join(', ')}\n  Next: ${lockCommand(elsewhere)}`);
    }
    return result;
  }

  async #lockAll(times: LockTimes, presentation: Presentation): Promise<AllLocked> {
    const vaults = await lockAllOpen(times, presentation, (result) =>
      this.log(`${result.image}\n  ${describe(result)}`),
    );
    if (vaults.length === 0) this.log('No vault is open.');
    return {vaults};
  }

  /** A user who named the vault closes it with any configuration, also an invalid one. */
  async #configuredStrategy(): Promise<string | undefined> {
    return (await this.configuration().catch(() => undefined))?.values['cleanup.strategy'];
  }

  async #clean(result: LockResult, strategy: string, presentation: Presentation): Promise<LockResult> {
    const contributions = await findContributions(this.config);
    const cleaning = await planCleaning(result.image, strategy, contributions, presentation);
    if (cleaning.actions.length === 0) return result;
    const {actions, left} = await carryOutCleaning(strategy, cleaning, presentation);
    for (const action of actions) this.log(describeAction(action));
    if (left === undefined || isClean(left)) return {...result, cleaned: actions};
    throw leftoversRemain(describeObservation(left));
  }
}

function describe({wasOpen, shells = 0}: LockResult): string {
  if (!wasOpen) return 'The vault was not open.';
  return shells > 1 ? `The vault is closed. It was open in ${nameShells(shells)}.` : 'The vault is closed.';
}

function openVaultsBut(image: string): string[] {
  return listOpenVaults()
    .map((vault) => vault.image)
    .filter((each) => each !== image);
}

function lockCommand(images: readonly string[]): string {
  return images.length === 1 ? vaultCommand('lock', images[0]) : 'tazpod lock --all';
}
