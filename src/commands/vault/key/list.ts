import {KeyCommand} from '../../../cli/key-command.ts';
import {describeKeys, keyRemarks} from '../../../cli/report/key-list.ts';
import {imageFlags, openFlags} from '../../../cli/vault-flags.ts';
import {type KeyListResult, listKeys} from '../../../vault/keys.ts';

export default class List extends KeyCommand<KeyListResult> {
  static override description =
    'Lists the key slots of a vault, open or locked, and warns of those that are cheap to guess or need more memory than ' +
    'this machine has. It asks for no key. The names are kept in the LUKS header, where cryptsetup luksDump shows them.';
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];
  static override flags = {...imageFlags, isolation: openFlags.isolation};
  static override summary = 'List the keys of a vault';

  async run(): Promise<KeyListResult> {
    const {flags} = await this.parse(List);
    const request = await this.keysRequest(flags);
    const result = await listKeys(request, this.presentation(flags, true));
    for (const text of keyRemarks(result.keys, flags.image)) this.remark(text);
    this.log(describeKeys(result.keys));
    return result;
  }
}
