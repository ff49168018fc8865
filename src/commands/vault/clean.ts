import {Flags} from '@oclif/core';
import {BaseCommand} from '../../base-command.ts';
import {findContributions} from '../../extensions/contributions.ts';
import {exitCode} from '../../lifecycle/exit-code.ts';
import {Failure} from '../../lifecycle/failure.ts';
import {
  carryOutCleaning,
  type CleanResult,
  describeAction,
  describeObservation,
  isClean,
  planCleaning,
} from '../../vault/clean.ts';
import {confirm} from '../../prompt/ask.ts';
import {onlyOutside} from '../../vault/inside.ts';
import {locateImage} from '../../vault/location.ts';
import {imageFlags} from '../../vault/vault-flags.ts';

export default class Clean extends BaseCommand<CleanResult> {
  static override description = [
    'Removes what is left of a vault: mounts, mappings, loop devices and processes, also those of other programs.',
    'Shows what it has found and what it will do, and asks before it touches what a live process uses. What is done is ' +
      'planned by a strategy that a plugin brings; root checks that every action is about this image and no other. ' +
      'The exit code is 75 when something is left.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> <%= command.id %> --dry-run',
    '<%= config.bin %> <%= command.id %> --image ~/team.img --yes',
  ];
  static override flags = {
    ...imageFlags,
    'dry-run': Flags.boolean({char: 'n', description: 'show what would be done, and do nothing'}),
    strategy: Flags.string({
      description: 'who plans [default: cleanup.strategy of the configuration, or smart]',
      helpValue: 'NAME',
    }),
    yes: Flags.boolean({char: 'y', description: 'do not ask, also where live processes use the vault'}),
  };
  static override summary = 'Remove what is left of a vault.';

  async run(): Promise<CleanResult> {
    const {flags} = await this.parse(Clean);
    if ((await this.inside({})) !== undefined)
      throw onlyOutside('Leftovers of a vault cannot be removed from inside a ghost.');
    const named = {...flags, 'cleanup.strategy': flags.strategy};
    const settings = await this.configured(named, 'image', 'cleanup.strategy');
    const strategy = settings['cleanup.strategy'] ?? 'smart';
    const image = locateImage(settings.image);
    const presentation = this.presentation(flags);
    const cleaning = await planCleaning(image, strategy, await findContributions(this.config), presentation);
    const {found, actions} = cleaning;

    this.#show(isClean(found) ? 'There is nothing of the vault but its image.' : 'Found:', describeObservation(found));
    const planned = {image, strategy, found, actions: actions.map((action) => ({action}))};
    if (actions.length === 0) return planned;
    if (flags['dry-run']) {
      this.#show('Would be done:', planned.actions.map(describeAction));
      return planned;
    }
    if (found.ghosts.length + found.holders.length > 0 && !flags.yes) {
      this.#show('Will be done:', planned.actions.map(describeAction));
      await this.#agree(describeObservation(found));
    }
    const result = await carryOutCleaning(strategy, cleaning, presentation);
    this.#show('Done:', result.actions.map(describeAction));
    if (result.left !== undefined && !isClean(result.left)) {
      this.#show('Left:', describeObservation(result.left));
      process.exitCode = exitCode.busy;
    }
    return result;
  }

  async #agree(found: readonly string[]): Promise<void> {
    const canAsk = process.stdin.isTTY && !this.jsonEnabled();
    if (canAsk && (await confirm('Live processes use the vault. Go on?', 'no'))) return;
    throw new Failure(exitCode.busy, 'Live processes use the vault, and nothing was done.', {
      why: `${found.join('; ')}.`,
      next: 'tazpod vault clean --yes',
    });
  }

  #show(heading: string, lines: readonly string[]): void {
    this.log([heading, ...lines.map((line) => `  ${line}`)].join('\n'));
  }
}
