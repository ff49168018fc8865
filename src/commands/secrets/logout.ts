import {Args, Flags} from '@oclif/core';
import {SecretsCommand, storeFlags, vaultFlags} from '../../cli/secrets-command.ts';
import {chooseBackend, logout} from '../../secrets/backends/login.ts';
import {openTrusted} from '../../secrets/consent/open-trusted.ts';

/** The `result` of `logout --json`. */
export type LogoutResult = {
  readonly backend: string;
  /** False where there was no session in the vault. */
  readonly wasLoggedIn: boolean;
};

export default class Logout extends SecretsCommand<LogoutResult> {
  static override aliases = ['logout'];
  static override args = {
    backend: Args.string({description: 'the name of a backend in secrets.yml, if there are several'}),
  };
  static override description = 'Ends the session with a backend, at the server and in the vault. Pulled secrets stay.';
  static override examples = ['<%= config.bin %> <%= command.id %>'];
  static override flags = {
    ...storeFlags,
    forget: Flags.boolean({
      description: 'delete the session here even if the backend is unreachable; it stays valid at the server',
    }),
    ...vaultFlags,
  };
  static override summary = 'Log out of a backend';

  async run(): Promise<LogoutResult> {
    const {args, flags} = await this.parse(Logout);
    if ((await this.inside(flags)) === undefined) {
      await this.mapping(flags);
      return this.enter(flags);
    }
    const request = await this.request(flags, this.needWritableVault('A logout'));
    const backends = await openTrusted(request);
    const opened = chooseBackend(backends, args.backend, 'logout', request.mapping.standard);
    const wasLoggedIn = opened.store.isUsed();
    await logout(opened, flags.forget);
    const {name: backend} = opened.definition;
    this.log(wasLoggedIn ? `Logged out of ${backend}.` : `There was no session with ${backend}.`);
    return {backend, wasLoggedIn};
  }
}
