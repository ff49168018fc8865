import {Args} from '@oclif/core';
import {BaseCommand} from '../../cli/base-command.ts';
import {forgetKnownVault} from '../../vault/known-vaults.ts';

/** The `result` of `vault forget --json`. */
export type Forgotten = {readonly name: string};

export default class Forget extends BaseCommand<Forgotten> {
  static override args = {name: Args.string({description: 'a name from "tazpod vault list"', required: true})};
  static override description = 'Forgets the name of a vault. The vault and its image stay as they are.';
  static override examples = ['<%= config.bin %> <%= command.id %> work'];
  static override summary = 'Forget the name of a vault';

  async run(): Promise<Forgotten> {
    const {args} = await this.parse(Forget);
    forgetKnownVault(args.name);
    this.log(`Forgot the name ${args.name}. The vault itself was not changed.`);
    return {name: args.name};
  }
}
