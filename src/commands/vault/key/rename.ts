import {Args} from '@oclif/core';
import {KeyCommand, requireKeyName} from '../../../cli/key-command.ts';
import {imageFlags, openFlags, waitFlags} from '../../../cli/vault-flags.ts';
import type {KeyChangeResult} from '../../../vault/keys.ts';

export default class Rename extends KeyCommand<KeyChangeResult> {
  static override args = {
    key: Args.string({description: 'name of the key, or the number of its slot', required: true}),
    name: Args.string({description: 'its new name', required: true}),
  };
  static override description =
    'Gives a key of a locked vault another name, or a first one to a key slot that TazPod did not create. It asks for no key.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> laptop old-laptop',
    '<%= config.bin %> <%= command.id %> 0 main --json',
  ];
  static override flags = {...imageFlags, ...waitFlags, isolation: openFlags.isolation};
  static override summary = 'Rename a key';

  async run(): Promise<KeyChangeResult> {
    const {args, flags} = await this.parse(Rename);
    requireKeyName(args.name);
    const result = await this.change(flags, {do: 'rename', slot: args.key, name: args.name});
    this.log(`Renamed the key ${args.key} of ${result.image} to ${args.name}.`);
    return result;
  }
}
