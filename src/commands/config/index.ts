import {Flags} from '@oclif/core';
import {BaseCommand} from '../../cli/base-command.ts';
import {readConfig} from '../../config/config.ts';
import {type ConfigResult, explain, renderConfig} from '../../config/explain.ts';

export default class ShowConfig extends BaseCommand<ConfigResult> {
  static override description = [
    'Shows the configuration that applies here.',
    'Precedence, highest first: flags, environment variables, the project (.tazpod/config.yaml, in the ' +
      'working directory or a parent), the user (~/.config/tazpod/config.yaml), the defaults of plugins, and ' +
      'the built-in defaults. Reports invalid settings, shows the valid ones, and exits with 78.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --explain',
    '<%= config.bin %> <%= command.id %> --json',
  ];
  static override flags = {
    explain: Flags.boolean({char: 'e', description: 'show the origin of each value, and the files that TazPod reads'}),
  };
  static override summary = 'Show the configuration and where each value comes from';

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
