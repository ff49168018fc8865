import type {BackendError, Folder, SecretBackend} from '../../../src/contract/index.ts';

/** A store in memory, which notes what it was asked. */
export class FixtureBackend {
  secrets: {name: string; path?: string; value: string | Buffer}[] = [];
  /** A validator that changes with what is in it. */
  version = 1;
  failure: BackendError['tazpod'] | Error | undefined;
  readonly asked: Folder[] = [];
  demands: string[] = [];
  /** Called before each answer. */
  onRead: () => Promise<void> = async () => {};

  readonly backend: SecretBackend = {
    contract: 1,
    needsTrust: () => this.demands,
    readFolder: async (_context, folder) => {
      this.asked.push(folder);
      await this.onRead();
      if (this.failure instanceof Error) throw this.failure;
      if (this.failure !== undefined) throw Object.assign(new Error('x'), {tazpod: this.failure});
      const validator = String(this.version);
      if (folder.validator === validator) return {state: 'unchanged'};
      const secrets = this.secrets.map(({name, path = folder.path, value}) => ({
        name,
        path,
        value: Buffer.from(value),
      }));
      return {state: 'read', validator, secrets};
    },
  };

  set(values: Record<string, string | Buffer>): void {
    this.secrets = Object.entries(values).map(([name, value]) => ({name, value}));
    this.version += 1;
  }
}
