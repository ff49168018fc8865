import {Args, Flags} from '@oclif/core';
import {KeyCommand, requireKeyName} from '../../../cli/key-command.ts';
import {keySource, newKeySource} from '../../../cli/key-source.ts';
import {imageFlags, kdfFlags, keyFlags, newKeyFlags, openFlags, waitFlags} from '../../../cli/vault-flags.ts';
import {kdfPlan} from '../../../vault/create.ts';
import {recoveryNeedsTerminal} from '../../../vault/failures.ts';
import type {KeyChangeResult} from '../../../vault/keys.ts';

export default class Add extends KeyCommand<KeyChangeResult> {
  static override args = {
    name: Args.string({description: 'name of the new key [default: its kind]'}),
  };
  static override description = [
    'Adds a passphrase, a key file or a recovery key to a locked vault. Any key that the vault has can add another one.',
    'A recovery key is a random passphrase of 64 letters. TazPod shows it once, on the terminal. Type it where you are ' +
      'asked for the passphrase, here or at a prompt of cryptsetup.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> <%= command.id %> laptop',
    '<%= config.bin %> <%= command.id %> --recovery',
    '<%= config.bin %> <%= command.id %> backup --new-key-file ~/backup.key',
    '<%= config.bin %> <%= command.id %> ci --passphrase-file A --new-passphrase-file B --json',
  ];
  static override flags = {
    ...imageFlags,
    ...keyFlags,
    ...newKeyFlags,
    recovery: Flags.boolean({
      description: 'make a recovery key and show it once',
      exclusive: ['new-passphrase-file', 'new-key-file'],
    }),
    ...kdfFlags,
    ...waitFlags,
    isolation: openFlags.isolation,
  };
  static override summary = 'Add a key to a vault';

  async run(): Promise<KeyChangeResult> {
    const {args, flags} = await this.parse(Add);
    const {name} = args;
    if (name !== undefined) requireKeyName(name);
    if (flags.recovery && !this.canAsk()) throw recoveryNeedsTerminal();
    const key = keySource(flags);
    const result = await this.change(flags, {
      ...{do: 'add', key, kdf: kdfPlan(flags)},
      ...(flags.recovery ? {} : {newKey: newKeySource(flags, key)}),
      ...(name === undefined ? {} : {name}),
    });
    this.log(`Added the key ${result.changed.name ?? `in slot ${result.changed.slot}`} to ${result.image}.`);
    return result;
  }
}
