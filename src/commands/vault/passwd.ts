import {KeyCommand} from '../../cli/key-command.ts';
import {keySource, newKeySource} from '../../cli/key-source.ts';
import {imageFlags, kdfFlags, keyFlags, newKeyFlags, openFlags, waitFlags} from '../../cli/vault-flags.ts';
import {kdfPlan} from '../../vault/create.ts';
import type {KeyChangeResult} from '../../vault/keys.ts';

export default class Passwd extends KeyCommand<KeyChangeResult> {
  static override aliases = ['passwd'];
  static override description = [
    'Replaces a passphrase or key file of a locked vault by another one. Other keys stay.',
    'TazPod makes the new key slot on a private copy of the header, tries it there, and then writes it. If it is ' +
      'killed, the vault opens with the old key or with the new one. Your files are not encrypted again, so a copy of ' +
      'the image that was made before still opens with the old key. The command needs no root.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --key-file OLD --new-key-file NEW --image ~/team.img',
    '<%= config.bin %> <%= command.id %> --passphrase-file FILE --new-passphrase-file NEW --json',
  ];
  static override flags = {
    ...imageFlags,
    ...keyFlags,
    ...newKeyFlags,
    ...kdfFlags,
    ...waitFlags,
    isolation: openFlags.isolation,
  };
  static override summary = 'Change a passphrase';

  async run(): Promise<KeyChangeResult> {
    const {flags} = await this.parse(Passwd);
    const key = keySource(flags);
    const change = {do: 'replace', key, newKey: newKeySource(flags, key), kdf: kdfPlan(flags)} as const;
    const result = await this.change(flags, change);
    this.log(`Changed the key ${nameOfKey(result)} of ${result.image}.`);
    return result;
  }
}

function nameOfKey({changed}: KeyChangeResult): string {
  return changed.name ?? `in slot ${changed.slot}`;
}
