import {BaseCommand} from '../base-command.ts';
import {renderChapter} from '../tour/render.ts';
import {onlyOutside} from '../vault/inside.ts';
import {takeTour, type TourResult} from '../tour/tour.ts';

export default class Tour extends BaseCommand<TourResult> {
  static override description = [
    'Shows what TazPod does, on a throw-away vault with a random passphrase.',
    'Makes it, opens it, prints what the ghost sees and what a second process of the same user sees at ' +
      'the same moment, closes it, and prints what is left. It takes seconds, and nothing stays behind.',
  ].join('\n\n');
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];
  static override summary = 'See it work, on a throw-away vault.';

  async run(): Promise<TourResult> {
    const {flags} = await this.parse(Tour);
    if ((await this.inside({})) !== undefined) throw onlyOutside('The tour cannot be taken inside a ghost.');
    return takeTour(this.presentation(flags), (chapter) => this.log(renderChapter(chapter)));
  }
}
