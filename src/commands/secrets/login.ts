import {Args, Flags} from '@oclif/core';
import {resolve} from 'node:path';
import type {LoginAnswer} from '../../contract/index.ts';
import {SecretsCommand, storeFlags, vaultFlags} from '../../cli/secrets-command.ts';
import {chooseBackend, login} from '../../secrets/backends/login.ts';
import {ask, askSecret} from '../../cli/prompt/backend-questions.ts';
import {openTrusted} from '../../secrets/consent/open-trusted.ts';
import {planFolders} from '../../secrets/pull/plan.ts';
import {readSecretLine} from '../../secrets/backends/secret-line.ts';

/** The `result` of `login --json`. */
export type LoginResult = {
  readonly backend: string;
  /** Who is logged in. */
  readonly identity: string;
  /** When the session ends, ISO 8601. */
  readonly expires?: string;
};

export default class Login extends SecretsCommand<LoginResult> {
  static override aliases = ['login'];
  static override args = {
    backend: Args.string({
      description: 'the name of a backend in secrets.yml, if there are several',
      // Standard input is for the secret; oclif would take a missing argument from there.
      ignoreStdin: true,
    }),
  };
  static override description = [
    'Logs in to a backend of secrets.yml. The session is stored in the vault and nowhere else.',
    'TazPod asks for secrets on the terminal, or reads them from a file or standard input. It never takes ' +
      'them as arguments.',
  ].join('\n\n');
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --client-id ID --client-secret-file FILE',
    'pass show id | <%= config.bin %> <%= command.id %> --client-id ID --client-secret-file -',
  ];
  static override flags = {
    'client-id': Flags.string({description: 'the client ID to log in with', helpValue: 'ID'}),
    'client-secret-file': Flags.string({
      description: 'read the secret from the first line of FILE; - is standard input',
      helpValue: 'FILE',
    }),
    ...storeFlags,
    ...vaultFlags,
  };
  static override summary = 'Log in to a backend';

  async run(): Promise<LoginResult> {
    const {args, flags} = await this.parse(Login);
    if ((await this.inside(flags)) === undefined) {
      await this.mapping(flags);
      return this.enter(flags, undefined, true);
    }
    const request = await this.request(flags, this.needWritableVault('A login'));
    const backends = await openTrusted(request);
    const opened = chooseBackend(backends, args.backend, 'login', request.mapping.standard);
    const requests = planFolders(request.mapping, backends).filter((each) => each.opened === opened);
    const file = flags['client-secret-file'];
    const {url} = opened.definition.settings;
    if (typeof url === 'string' && !this.jsonEnabled()) process.stderr.write(`Logging in to ${JSON.stringify(url)}\n`);
    const answer: LoginAnswer = await login(opened, {
      ...(flags['client-id'] === undefined ? {} : {identity: flags['client-id']}),
      ...(file === undefined ? {} : {secret: readSecretLine(file === '-' ? file : resolve(file))}),
      wanted: requests.map(({folder}) => folder),
      ask,
      askSecret,
    });
    const until = answer.expires === undefined ? '' : `, until ${answer.expires}`;
    this.log(`Logged in to ${opened.definition.name} as ${answer.identity}${until}.`);
    return {backend: opened.definition.name, ...answer};
  }
}
