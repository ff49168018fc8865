import {BaseCommand} from '../cli/base-command.ts';
import {renderChapter} from '../tour/render.ts';
import {takeTour, type TourResult} from '../tour/tour.ts';
import {onlyOutside} from '../vault/failures.ts';

export default class Tour extends BaseCommand<TourResult> {
  static override description =
    'Creates a vault with a random passphrase, opens it, prints what the ghost sees and what another process ' +
    'of the same user sees at the same moment, closes it, and prints what remains. It takes seconds and ' +
    'leaves nothing behind.';
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];
  static override summary = 'Take a tour with a throw-away vault';

  async run(): Promise<TourResult> {
    const {flags} = await this.parse(Tour);
    if ((await this.inside({})) !== undefined) throw onlyOutside('The tour does not run inside a ghost.');
    return takeTour(this.presentation(flags), (chapter) => this.log(renderChapter(chapter)));
  }
}
