import {Flags} from '@oclif/core';
import {BaseCommand} from '../../cli/base-command.ts';
import {findContributions} from '../../extensions/contributions.ts';
import {exitCode} from '../../foundation/exit-code.ts';
import {
  carryOutCleaning,
  type CleanResult,
  describeAction,
  describeObservation,
  isClean,
  planCleaning,
} from '../../vault/clean.ts';
import {cleaningNotAgreed, onlyOutside} from '../../vault/failures.ts';
import {locateImage} from '../../vault/location.ts';
import {imageFlags} from '../../cli/vault-flags.ts';

export default class Clean extends BaseCommand<CleanResult> {
  static override description = [
    'Removes mounts, mappings, loop devices and processes of a vault, including those of other programs.',
    'Shows what it found and what it will do, and asks before it touches anything that a running process ' +
      'uses. A strategy from a plugin plans the actions; root checks that every action concerns this image and ' +
      'no other. Exits with 75 if leftovers remain.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> <%= command.id %> --dry-run',
    '<%= config.bin %> <%= command.id %> --image ~/team.img --yes',
  ];
  static override flags = {
    ...imageFlags,
    'dry-run': Flags.boolean({char: 'n', description: 'show the actions without running them'}),
    strategy: Flags.string({
      description: 'the strategy that plans the actions [default: cleanup.strategy of the configuration, or smart]',
      helpValue: 'NAME',
    }),
    yes: Flags.boolean({char: 'y', description: 'do not ask, even if running processes use the vault'}),
  };
  static override summary = 'Remove the leftovers of a vault';

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

    this.#show(isClean(found) ? 'Nothing to clean: only the image exists.' : 'Found:', describeObservation(found));
    const planned = {image, strategy, found, actions: actions.map((action) => ({action}))};
    if (actions.length === 0) return planned;
    if (flags['dry-run']) {
      this.#show('These actions would run:', planned.actions.map(describeAction));
      return planned;
    }
    if (found.ghosts.length + found.holders.length > 0 && !flags.yes) {
      this.#show('These actions will run:', planned.actions.map(describeAction));
      if (!(await this.agrees('Running processes use the vault. Continue?'))) {
        throw cleaningNotAgreed(describeObservation(found));
      }
    }
    const result = await carryOutCleaning(strategy, cleaning, presentation);
    this.#show('Done:', result.actions.map(describeAction));
    if (result.left !== undefined && !isClean(result.left)) {
      this.#show('Left:', describeObservation(result.left));
      process.exitCode = exitCode.busy;
    }
    return result;
  }

  #show(heading: string, lines: readonly string[]): void {
    this.log([heading, ...lines.map((line) => `  ${line}`)].join('\n'));
  }
}
