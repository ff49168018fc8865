import {BaseCommand} from '../base-command.ts';
import {initProject, type InitResult, projectAbove, renderInit} from '../project/init.ts';
import {currentFolder} from '../vault/location.ts';

export default class Init extends BaseCommand<InitResult> {
  static override description = [
    'Makes the working folder a project: a commented .tazpod/config.yaml, a secrets.yml, and a line in .gitignore that ' +
      'keeps the vault out of the repository.',
    'Nothing is overwritten, and what was there is said. .tazpod/ also gets the JSON Schemas that editors check the two ' +
      'files by; another init brings them up to date.',
  ].join('\n\n');
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];
  static override summary = 'Make this folder a project.';

  async run(): Promise<InitResult> {
    await this.parse(Init);
    const folder = currentFolder();
    const above = projectAbove(folder, process.getuid!());
    const result = initProject(folder);
    const isNew = result.files.some(({path, state}) => path === '.tazpod/config.yaml' && state === 'made');
    if (above !== undefined && isNew) {
      this.remark(`The configuration of ${above} held here until now; that of this folder takes its place.`);
    }
    this.log(`${renderInit(result)}\nNext: tazpod unlock`);
    return result;
  }
}
