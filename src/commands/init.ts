import {BaseCommand} from '../cli/base-command.ts';
import {initProject, type InitResult, projectAbove, renderInit} from '../project/init.ts';
import {currentFolder} from '../vault/location.ts';

export default class Init extends BaseCommand<InitResult> {
  static override description = [
    'Creates a commented .tazpod/config.yaml, a secrets.yml, and a line in .gitignore that keeps the vault ' +
      'out of the repository.',
    'Never overwrites a file; lists those that already exist. It also writes the JSON Schemas for editors to ' +
      '.tazpod/, and updates them when you run it again.',
  ].join('\n\n');
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];
  static override summary = 'Set up a project in this directory';

  async run(): Promise<InitResult> {
    await this.parse(Init);
    const folder = currentFolder();
    const above = projectAbove(folder, process.getuid!());
    const result = initProject(folder);
    const isNew = result.files.some(({path, state}) => path === '.tazpod/config.yaml' && state === 'made');
    if (above !== undefined && isNew) {
      this.remark(`The configuration of ${above} no longer applies here: the one in this directory replaces it.`);
    }
    this.log(`${renderInit(result)}\nNext: tazpod unlock`);
    return result;
  }
}
