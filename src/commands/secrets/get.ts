import {Args, Flags} from '@oclif/core';
import {isatty} from 'node:tty';
import {SecretsCommand} from '../../cli/secrets-command.ts';
import {audit} from '../../secrets/vault-directory/audit.ts';
import {secretOnTerminal} from '../../secrets/failures.ts';
import {findPulled, readPulled} from '../../secrets/installed/find.ts';

/** The `result` of `get --json`. */
export type GetResult = {
  readonly name: string;
  readonly sizeBytes: number;
  /** Where it is UTF-8. */
  readonly value?: string;
  readonly base64?: string;
};

export default class Get extends SecretsCommand<GetResult> {
  static override aliases = ['get'];
  static override args = {
    name: Args.string({
      description: 'a variable, a file of the vault, or the name of a secret in its backend',
      required: true,
    }),
  };
  static override description = [
    'Writes one pulled secret to standard output, byte for byte and without a trailing newline.',
    'On a terminal this needs --reveal. It works only inside the ghost, and "tazpod secrets log" records it.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> <%= command.id %> DATABASE_URL | psql -f -',
    '<%= config.bin %> <%= command.id %> API_TOKEN --reveal',
  ];
  static override flags = {reveal: Flags.boolean({description: 'allow output to a terminal'})};
  static override summary = 'Write one secret to standard output';

  async run(): Promise<GetResult> {
    const {args, flags} = await this.parse(Get);
    const {mountPoint} = this.needVault('Pulled secrets are available only inside the ghost.');
    // First: of a name that is misspelt there is nothing to reveal.
    findPulled(mountPoint, args.name);
    const onTerminal = isatty(1);
    if (onTerminal && !flags.reveal) {
      throw secretOnTerminal(args.name);
    }
    const value = readPulled(mountPoint, args.name);
    audit(mountPoint, onTerminal ? 'reveal' : 'read', [args.name]);
    try {
      const result = {name: args.name, sizeBytes: value.length};
      if (this.jsonEnabled()) return {...result, ...asJson(value)};
      await new Promise<void>((resolve, reject) => {
        process.stdout.write(value, (error) => (error ? reject(error) : resolve()));
      });
      if (onTerminal) process.stdout.write('\n');
      return result;
    } finally {
      value.fill(0);
    }
  }
}

function asJson(value: Buffer): {value: string} | {base64: string} {
  const text = value.toString('utf8');
  return Buffer.from(text).equals(value) ? {value: text} : {base64: value.toString('base64')};
}
