import {SecretsCommand, storeFlags, vaultFlags} from '../../cli/secrets-command.ts';
import {openTrusted} from '../../secrets/consent/open-trusted.ts';
import type {Difference} from '../../secrets/installed/compare.ts';
import {compare} from '../../secrets/pull/pull.ts';

export default class Diff extends SecretsCommand<readonly Difference[]> {
  static override description = [
    'Shows names, sizes and short digests of the secrets that a pull would change. It prints no values.',
    'The digests are keyed with a random number of the vault, so that nobody can find a value by guessing.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --profile prod --json',
  ];
  static override flags = {...storeFlags, ...vaultFlags};
  static override summary = 'Show what a pull would change';

  async run(): Promise<readonly Difference[]> {
    const {flags} = await this.parse(Diff);
    if ((await this.inside(flags)) === undefined) {
      await this.mapping(flags);
      return this.enter(flags);
    }
    // What logs in may renew its session, which lives in the vault.
    const request = await this.request(flags, this.needWritableVault('A diff'));
    const backends = await openTrusted(request);
    const differences = await compare({...request, progress: this.progress()}, backends);
    this.log(differences.length === 0 ? 'A pull would change nothing.' : differences.map(lineOf).join('\n'));
    return differences;
  }
}

const signs: Readonly<Record<Difference['change'], string>> = {
  added: '+',
  changed: '~',
  removed: '-',
  'edited here': '!',
};

function lineOf({kind, name, change, oldSizeBytes, newSizeBytes, oldDigest, newDigest}: Difference): string {
  const sides = [
    ...(oldDigest === undefined ? [] : [`${oldSizeBytes} bytes ${oldDigest}`]),
    ...(newDigest === undefined ? [] : [`${newSizeBytes} bytes ${newDigest}`]),
  ];
  return `${signs[change]} ${kind} ${name}: ${change}, ${sides.join(' → ')}`;
}
