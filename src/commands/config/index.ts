import {Flags} from '@oclif/core';
import {BaseCommand} from '../../base-command.ts';
import {readConfig} from '../../config/config.ts';
import {type ConfigResult, explain, renderConfig} from '../../config/explain.ts';

export default class ShowConfig extends BaseCommand<ConfigResult> {
  static override description = [
    'Shows the configuration that holds here.',
    'A flag comes before the environment, that before the project (.tazpod/config.yaml, in the working folder or one ' +
      'above), that before the user (~/.config/tazpod/config.yaml), that before the defaults of plugins, and those ' +
      'before what is built in. What is wrong is told, and the rest is shown; the exit code is 78 then.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --explain',
    '<%= config.bin %> <%= command.id %> --json',
  ];
  static override flags = {
    explain: Flags.boolean({char: 'e', description: 'say of each value where it is from, and which files are read'}),
  };
  static override summary = 'Show the configuration, and where each value is from.';

  async run(): Promise<ConfigResult> {
    const {flags} = await this.parse(ShowConfig);
    const reading = await readConfig(await this.surroundings());
    for (const text of reading.remarks) this.remark(text);
    const result = explain(reading);
    this.log(renderConfig(result, flags.explain));
    const {variableFaults} = reading.configuration;
    for (const {message, why, code} of [
      ...Object.values(variableFaults).filter((fault) => fault !== undefined),
      ...reading.faults,
    ]) {
      this.remark([message, ...(why === undefined ? [] : [why])].join('\n  '));
      process.exitCode = code;
    }
    return result;
  }
}
