import {columns} from '../../foundation/columns.ts';
import {type MappingFlags, mappingFlags, SecretsCommand, vaultFlags} from '../../cli/secrets-command.ts';
import {listPulled, type PulledState} from '../../secrets/installed/list.ts';

export default class List extends SecretsCommand<readonly PulledState[]> {
  static override description =
    'Lists pulled secrets and those of secrets.yml, with their states. It prints no values and contacts no ' +
    'backend.';
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];
  static override flags = {...mappingFlags, ...vaultFlags};
  static override summary = 'List the secrets and their states';

  async run(): Promise<readonly PulledState[]> {
    const {flags} = await this.parse(List);
    if ((await this.inside(flags)) === undefined) return this.enter(flags);
    const states = listPulled(this.needVault('').mountPoint, await this.#mappingIfThere(flags));
    const lines = columns(
      states.map(({kind, name, state, sizeBytes}) => [
        kind.padEnd('variable'.length),
        name,
        `${state}${sizeBytes === undefined ? '' : `, ${sizeBytes} bytes`}`,
      ]),
    );
    this.log(lines.length === 0 ? 'Nothing has been pulled.' : lines.join('\n'));
    return states;
  }

  async #mappingIfThere(flags: MappingFlags) {
    try {
      return await this.mapping(flags);
    } catch (error) {
      this.remark(`Listing only pulled secrets: ${(error as Error).message}`);
      return undefined;
    }
  }
}
