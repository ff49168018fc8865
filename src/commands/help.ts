import {loadHelpClass} from '@oclif/core';
import {BaseCommand} from '../cli/base-command.ts';

export default class HelpCommand extends BaseCommand<void> {
  static override description = 'Without a name it lists all commands by what they are for.';
  static override enableJsonFlag = false;
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> vault create',
  ];
  static override strict = false;
  static override summary = 'Describe a command and its flags.';
  static override usage = '<%= command.id %> [COMMAND]';

  async run(): Promise<void> {
    const {argv} = await this.parse(HelpCommand);
    const Help = await loadHelpClass(this.config);
    await new Help(this.config).showHelp(argv as string[]);
  }
}
