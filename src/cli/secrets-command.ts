import {existsSync} from 'node:fs';
import {Flags} from '@oclif/core';
import {BaseCommand, enteredVariable} from './base-command.ts';
import {findContributions} from '../extensions/contributions.ts';
import {loadModule} from '../extensions/load.ts';
import {outsideVault} from '../secrets/failures.ts';
import type {LoadBackend} from '../secrets/backends/backends.ts';
import {readSecretsFile} from '../secrets/secrets-file.ts';
import {makeMapping, type Mapping} from '../secrets/mapping/mapping.ts';
import type {PullProgress} from '../secrets/pull/progress.ts';
import type {PullRequest} from '../secrets/pull/pull.ts';
import {pullGraph} from './report/pull-graph.ts';
import {type SessionFlags, sessionRequest} from './vault-request.ts';
import {userEnvironment} from '../secrets/environment/user-environment.ts';
import {requireWritable, vaultHere} from '../vault/inside.ts';
import {currentFolder, locateImage} from '../vault/location.ts';
import {openOrCreate} from '../vault/session.ts';
import {imageFlags, joinFlags, keyFlags, openFlags, shareFlags} from './vault-flags.ts';

/** Which vault is filled, where that is not the one that this shell is in. */
export const vaultFlags = {...imageFlags, ...keyFlags, ...openFlags, ...joinFlags, ...shareFlags};

/** What `secrets.yml` is meant, and which part of it. */
export const mappingFlags = {
  'secrets-file': Flags.string({
    description: 'the file that lists the secrets [default: secrets.yml, here or in a parent directory]',
    helpValue: 'FILE',
  }),
  profile: Flags.string({description: 'the profile of secrets.yml to use', helpValue: 'NAME'}),
};

/** How stores are asked. */
export const storeFlags = {
  ...mappingFlags,
  timeout: Flags.integer({
    description: 'seconds to wait for each answer of a backend',
    default: 10,
    helpValue: 'SECONDS',
    max: 3600,
    min: 1,
  }),
  trust: Flags.boolean({
    description: 'allow secrets.yml to do more than pull secrets: run programs, set variables like PATH',
  }),
};

export type MappingFlags = {readonly 'secrets-file'?: string | undefined; readonly profile?: string | undefined};
export type StoreFlags = MappingFlags & {readonly timeout: number; readonly trust: boolean};

/** A vault that is open around this process. */
export type VaultHere = NonNullable<ReturnType<typeof vaultHere>>;

/** What the commands share that work on what is pulled, inside a ghost. */
export abstract class SecretsCommand<T> extends BaseCommand<T> {
  #saidInside = false;

  /** The JSON answer was given by the command inside. */
  protected override logJson(json: unknown): void {
    if (!this.#saidInside) super.logJson(json);
  }

  /**
   * Runs this very command in the ghost of the vault, which is opened for it; then, if it is given, another one. The
   * command line goes along, and holds no secret: what does is asked for, or read from a file, inside. With `mayCreate`
   * it offers to create a vault that does not exist.
   */
  protected async enter(
    flags: SessionFlags & {debug: boolean},
    wrap: (command: readonly string[]) => readonly string[] = (command) => command,
    mayCreate = false,
  ): Promise<never> {
    const command = ['/usr/bin/env', `${enteredVariable}=1`, process.execPath, ...process.argv.slice(1)];
    const settings = await this.configured(flags, 'image', 'mount-point', 'engine', 'isolation', 'share');
    // The size is looked at only where one is made: a wrong one must not keep anybody out of a vault that is there.
    const isNew = mayCreate && !existsSync(locateImage(settings.image));
    const making = isNew ? {...(await this.configured({}, 'size')), pbkdf: 'argon2id' as const} : {};
    const request = {
      ...sessionRequest({...settings, ...making}),
      command: wrap(command),
      bridges: await this.bridges(),
    };
    const {code} = await openOrCreate(request, this.presentation(flags, true));
    this.#saidInside = true;
    this.exit(code);
  }

  /** The vault around this process. Throws a Failure (77) outside of one. */
  protected needVault(why: string): VaultHere {
    const here = vaultHere();
    if (here !== undefined) return here;
    throw outsideVault(why);
  }

  /** The same for a command that writes into it. Throws a Failure: 64 where it is open read-only, 77 outside. */
  protected needWritableVault(what: string): VaultHere {
    const here = this.needVault('');
    requireWritable(here, what);
    return here;
  }

  /** What `secrets.yml` says, checked without asking a store. Throws a Failure: 66, 78. */
  protected async mapping(flags: MappingFlags): Promise<Mapping> {
    const file = readSecretsFile(flags['secrets-file'], currentFolder());
    return makeMapping(file, {profile: flags.profile, bridgeEnds: await this.bridgeEnds()});
  }

  /** Everything that a pull, or what is like one, is made of. */
  protected async request(flags: StoreFlags, {mountPoint}: VaultHere): Promise<Omit<PullRequest, 'progress'>> {
    const mapping = await this.mapping(flags);
    const interrupt = new AbortController();
    process.once('SIGINT', () => interrupt.abort());
    return {
      mapping,
      bridgeEnds: await this.bridgeEnds(),
      load: await this.backendLoader(),
      trust: flags.trust,
      agree: this.canAsk() ? (demands) => this.#agree(mapping, demands) : undefined,
      surroundings: {
        mountPoint,
        projectFolder: mapping.projectFolder,
        environment: userEnvironment(),
        timeoutMs: flags.timeout * 1000,
        signal: interrupt.signal,
        warn: (text) => this.remark(text),
      },
    };
  }

  /** How what is fetched is shown. */
  protected progress(): PullProgress {
    return pullGraph(process.stderr.isTTY && !this.jsonEnabled() ? 'live' : 'silent');
  }

  protected async backendLoader(): Promise<LoadBackend> {
    const found = await findContributions(this.config);
    return async (type) => (await loadModule(found, 'secretBackends', type)).module;
  }

  /** The places of the vault that directories of the home have. */
  protected async bridgeEnds(): Promise<string[]> {
    return (await this.bridges()).map(({vault}) => vault);
  }

  async #agree(mapping: Mapping, demands: readonly string[]): Promise<boolean> {
    const lines = demands.map((demand) => `  ${demand}\n`).join('');
    process.stderr.write(`${mapping.file.path} asks for more than pulling secrets into the vault:\n${lines}`);
    return this.agrees('Allow this only if you trust the author of the file. Allow it?');
  }
}
