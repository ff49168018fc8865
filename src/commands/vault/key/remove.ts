import {Args, Flags} from '@oclif/core';
import {KeyCommand} from '../../../cli/key-command.ts';
import {keySource} from '../../../cli/key-source.ts';
import {imageFlags, keyFlags, openFlags, waitFlags} from '../../../cli/vault-flags.ts';
import {keyNotRemoved} from '../../../vault/failures.ts';
import type {KeyChangeResult} from '../../../vault/keys.ts';

export default class Remove extends KeyCommand<KeyChangeResult> {
  static override args = {
    key: Args.string({description: 'name of the key, or the number of its slot', required: true}),
  };
  static override description = [
    'Removes a key from a locked vault and overwrites its key slot. It asks for a key that stays, which proves that the ' +
      'vault still opens. The last key that you can type is never removed.',
    'A copy of the image or of its header that was made before still opens with the removed key.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> <%= command.id %> laptop',
    '<%= config.bin %> <%= command.id %> 3 --passphrase-file FILE --yes --json',
  ];
  static override flags = {
    ...imageFlags,
    ...keyFlags,
    ...waitFlags,
    isolation: openFlags.isolation,
    yes: Flags.boolean({char: 'y', description: 'remove the key without asking'}),
  };
  static override summary = 'Remove a key from a vault';

  async run(): Promise<KeyChangeResult> {
    const {args, flags} = await this.parse(Remove);
    const request = await this.keysRequest(flags);
    if (!flags.yes && !(await this.agrees(`Remove the key ${args.key} from ${request.image}?`))) {
      throw keyNotRemoved(args.key, this.canAsk());
    }
    const result = await this.change(flags, {do: 'remove', key: keySource(flags), slot: args.key});
    this.log(`Removed the key ${args.key} from ${result.image}.`);
    return result;
  }
}
