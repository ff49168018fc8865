import {Flags} from '@oclif/core';
import {SecretsCommand, vaultFlags} from '../../cli/secrets-command.ts';
import {type AuditEntry, readAudit} from '../../secrets/vault-directory/audit.ts';

export default class Log extends SecretsCommand<readonly AuditEntry[]> {
  static override description = [
    'Shows who pulled, read and revealed which secret, and when: names, never values.',
    'The log is in the vault, where programs in the ghost can change it. It helps to find mistakes and is ' +
      'not proof against an attacker.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --last 5 --json',
  ];
  static override flags = {
    last: Flags.integer({description: 'show only the last N entries', helpValue: 'N', min: 1}),
    ...vaultFlags,
  };
  static override summary = 'Show the log of secret accesses';

  async run(): Promise<readonly AuditEntry[]> {
    const {flags} = await this.parse(Log);
    if ((await this.inside(flags)) === undefined) return this.enter(flags);
    const {entries, damaged} = readAudit(this.needVault('').mountPoint);
    if (damaged > 0) this.remark(`${damaged} lines of the log cannot be read.`);
    const shown = flags.last === undefined ? entries : entries.slice(-flags.last);
    this.log(shown.length === 0 ? 'The log is empty.' : shown.map(lineOf).join('\n'));
    return shown;
  }
}

function lineOf({time, action, names, parent}: AuditEntry): string {
  const by = parent === undefined ? '' : `  by ${parent.name} (${parent.pid})`;
  return `${time}  ${action.padEnd(7)}  ${names.join(' ')}${by}`;
}
