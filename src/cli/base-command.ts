import {existsSync} from 'node:fs';
import {Command, Flags, type Interfaces} from '@oclif/core';
import {
  type Configuration,
  type ConfigValues,
  loadConfig,
  requireSettings,
  type Surroundings,
  surroundingsHere,
} from '../config/config.ts';
import {findContributions} from '../extensions/contributions.ts';
import {defaultsFiles} from '../extensions/packs.ts';
import {pluginProblems} from '../extensions/start.ts';
import type {Failure} from '../foundation/failure.ts';
import type {RunningVault} from '../kernel/open-vaults.ts';
import {inForeground} from '../kernel/terminal.ts';
import {isForPeople, isNoticeDue} from '../update/notice.ts';
import type {DeclaredBridge} from '../vault/bridges.ts';
import {refuseInexactArguments} from '../vault/exact-words.ts';
import {otherVault} from '../vault/failures.ts';
import {forGivenVault} from '../vault/given-image.ts';
import {isImageOf, type NamedVault, requireThisVault, vaultHere} from '../vault/inside.ts';
import {knownByImage, knownVault} from '../vault/known-vaults.ts';
import {locateImage} from '../vault/location.ts';
import {announceUpdate} from './announce-update.ts';
import {declaredBridges} from './declared-bridges.ts';
import {failureOf} from './failure-of.ts';
import type {KeyFlags} from './key-source.ts';
import {confirm} from './prompt/ask.ts';
import {GhostScreen} from './report/ghost-screen.ts';
import {renderFailure, renderWarning} from './report/render-failure.ts';

/** The envelope of every `--json` answer; `docs/json.md` has the shape of each command's `result`. */
export type JsonEnvelope<T> = {
  /** 0, or the exit code. */
  readonly status: number;
  readonly result?: T;
  readonly error?: {readonly what: string; readonly why?: string; readonly next?: string};
  readonly warnings: readonly string[];
};

/** Set for a command that another one runs in the vault that it has opened. */
export const enteredVariable = 'TAZPOD_ENTERED';

/**
 * What all commands share: `--json` and `--debug`, errors to exit codes and sentences, the JSON envelope. A command's
 * `run` returns the `result` of its JSON answer.
 */
export abstract class BaseCommand<T> extends Command {
  static override baseFlags = {
    debug: Flags.boolean({
      description: 'show every program that TazPod runs, and details of errors',
      helpGroup: 'GLOBAL',
    }),
  };

  static override enableJsonFlag = true;

  readonly #warnings: string[] = [];
  /** The command line behind the command's name. `parse` changes `argv`. */
  #words: readonly string[] = [];
  #configuration: Promise<Configuration> | undefined;
  #stopAsking = (): void => {};
  /** Another command has opened the vault and runs this one in it. */
  protected entered = false;

  abstract override run(): Promise<T>;

  protected override async init(): Promise<void> {
    await super.init();
    this.#words = [...this.argv];
    refuseInexactArguments();
    for (const problem of pluginProblems()) this.remark(problem);
    const mayAnnounce = isForPeople(process) && !this.jsonEnabled() && this.id !== 'update';
    if (!mayAnnounce || !isNoticeDue(this.config.cacheDir)) return;
    const configuration = await this.configuration().catch(() => undefined);
    if (configuration !== undefined) this.#stopAsking = await announceUpdate(this.config, configuration);
  }

  protected override async finally(error: Error | undefined): Promise<void> {
    this.#stopAsking();
    await super.finally(error);
  }

  /** As oclif's, and `--vault NAME` is the `image` of that name. */
  protected override async parse<
    F extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    B extends Interfaces.OutputFlags<Interfaces.FlagInput>,
    A extends Interfaces.OutputArgs<Interfaces.ArgInput>,
  >(options?: Interfaces.Input<F, B, A>, argv?: string[]): Promise<Interfaces.ParserOutput<F, B, A>> {
    const parsed = await super.parse<F, B, A>(options, argv);
    const {vault} = parsed.flags as {readonly vault?: string};
    if (vault !== undefined) Object.assign(parsed.flags, {image: knownVault(vault).image});
    return parsed;
  }

  /** A warning that does not stop the command: a line on standard error, or a part of the JSON answer. */
  protected remark(text: string): void {
    this.#warnings.push(text);
    if (!this.jsonEnabled()) process.stderr.write(`${renderWarning(text)}\n`);
  }

  /** A warning that reaches the user while a session runs, whose relay has put the terminal into raw mode. */
  #notice(text: string): void {
    this.#warnings.push(text);
    const end = process.stderr.isTTY ? '\r\n' : '\n';
    if (!this.jsonEnabled()) process.stderr.write(`${end}${renderWarning(text).replaceAll('\n', end)}${end}`);
  }

  /** Whether somebody sits at the terminal who sees a question and can answer it. */
  protected canAsk(): boolean {
    return process.stdin.isTTY && process.stderr.isTTY && !this.jsonEnabled();
  }

  /** Asks before something that cannot be taken back; an empty answer means no. */
  protected async agrees(question: string): Promise<boolean> {
    return this.canAsk() && (await confirm(question, 'no'));
  }

  /** The configuration that holds here, with what plugins bring as defaults. Throws a Failure (78). */
  protected configuration(): Promise<Configuration> {
    // Each warning is shown once.
    return (this.#configuration ??= this.surroundings().then((from) => loadConfig(from, (text) => this.remark(text))));
  }

  /** What the configuration is read from. */
  protected async surroundings(): Promise<Surroundings> {
    return surroundingsHere(defaultsFiles(await findContributions(this.config)));
  }

  /**
   * The flags, and of those that were not given what the configuration says. It is not read where all were given: a
   * faulty file must not keep anybody from closing the vault that he names. Throws a Failure (78).
   */
  protected async configured<F extends object, K extends keyof ConfigValues>(
    flags: F,
    ...keys: readonly K[]
  ): Promise<Omit<F, K> & Pick<ConfigValues, K>> {
    const given = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
    if (keys.every((key) => key in given)) return flags as Omit<F, K> & Pick<ConfigValues, K>;
    const configuration = await this.configuration();
    requireSettings(configuration, ...keys.filter((key) => !(key in given)));
    const values = withVaultsOwn(configuration, given);
    const said = keys.flatMap((key) => (values[key] === undefined ? [] : [[key, values[key]]]));
    return {...(Object.fromEntries(said) as Pick<ConfigValues, K>), ...(given as Omit<F, K>)};
  }

  /** The directories of the home that are to live in the vault. */
  protected async bridges(): Promise<DeclaredBridge[]> {
    return declaredBridges(...(await Promise.all([this.configuration(), findContributions(this.config)])));
  }

  /**
   * The vault whose ghost this command runs in; undefined outside. Inside, a command works on that vault. Throws a Failure
   * (64) if its flags mean another one, or one that is opened in another way.
   */
  protected async inside(flags: NamedVault & KeyFlags): Promise<RunningVault | undefined> {
    const here = vaultHere();
    // The command outside has opened the vault that was meant, and runs this one in it.
    this.entered ||= process.env[enteredVariable] !== undefined;
    Reflect.deleteProperty(process.env, enteredVariable);
    if (here === undefined || this.entered) return here;
    requireThisVault(here, flags);
    if (flags.image === undefined) await this.#compareWithConfigured(here, flags);
    return here;
  }

  /** What the user may have meant who named no image: the one that the command would open outside. */
  async #compareWithConfigured(here: RunningVault, flags: KeyFlags): Promise<void> {
    if (flags['passphrase-file'] !== undefined || flags['key-file'] !== undefined) {
      const image = locateImage((await this.configuration()).values.image);
      if (existsSync(image) && !isImageOf(here, image)) throw otherVault(here.image, image);
    } else if (process.env['TAZPOD_IMAGE']) {
      const image = (await this.configuration().catch(() => undefined))?.values.image;
      if (image === undefined || isImageOf(here, locateImage(image))) return;
      this.remark(`TAZPOD_IMAGE names ${image}, but this command works on the vault that is open here: ${here.image}`);
    }
  }

  /** How this command shows the lifecycle; a quiet one shows it with `--debug` only. */
  protected presentation({debug}: {debug: boolean}, quiet = false): GhostScreen {
    const style = this.jsonEnabled() || (quiet && !debug) ? 'silent' : canRedraw() ? 'live' : 'lines';
    return new GhostScreen(style, debug, {
      remark: (text) => this.remark(text),
      notice: (text) => this.#notice(text),
    });
  }

  /** Every error ends here, once: as sentences or as JSON, and with its exit code. */
  protected override async catch(error: Error & {exitCode?: number; oclif?: {exit?: number}}): Promise<never> {
    // oclif's own way of leaving with a code, without a message.
    if ('code' in error && error.code === 'EEXIT') throw error;
    if (error.name === 'Cancelled') return this.#endCancelled(error.message, error.exitCode ?? 130);
    const flags = this.config.findCommand(this.id ?? '')?.flags ?? this.ctor.flags;
    const typed = {name: (this.id ?? '').replaceAll(':', ' '), words: this.#words, flags};
    const failure = this.#withGivenVault(failureOf(error, typed));
    if (this.jsonEnabled()) {
      const {code, ...rest} = failure.toJSON();
      this.#printEnvelope({status: code, error: rest, warnings: this.#warnings});
    } else {
      process.stderr.write(renderFailure(failure));
    }
    if (process.argv.includes('--debug')) process.stderr.write(`${underneath(failure)}\n`);
    this.exit(failure.code);
  }

  protected override toSuccessJson(result: unknown): JsonEnvelope<unknown> {
    return {status: Number(process.exitCode ?? 0), result, warnings: this.#warnings};
  }

  /** Where the JSON answer goes. Commands whose standard output is a session's send it to standard error. */
  protected jsonStream(): NodeJS.WriteStream {
    return process.stdout;
  }

  protected override logJson(json: unknown): void {
    this.#printEnvelope(json as JsonEnvelope<unknown>);
  }

  #endCancelled(what: string, code: number): never {
    if (this.jsonEnabled()) this.#printEnvelope({status: code, error: {what}, warnings: this.#warnings});
    this.exit(code);
  }

  /** The next command works on the vault that this one was about. */
  #withGivenVault(failure: Failure): Failure {
    const {next} = failure;
    if (next === undefined) return failure;
    const takesImage = (words: string) =>
      this.config.findCommand(words.replaceAll(' ', ':'))?.flags['image'] !== undefined;
    const exact = forGivenVault(next, this.#words, takesImage);
    return exact === next ? failure : failure.withNext(exact);
  }

  #printEnvelope(envelope: JsonEnvelope<unknown>): void {
    this.jsonStream().write(`${JSON.stringify(envelope, undefined, 2)}\n`);
  }
}

/** What is configured; a vault with a name has its own mount point, and one of them may be the default. */
function withVaultsOwn({values, origins}: Configuration, given: {readonly image?: string}): ConfigValues {
  const named = given.image ?? values.image;
  const here = locateImage(named);
  const preset = named === undefined && !existsSync(here) ? values['default-vault'] : undefined;
  const vault = preset === undefined ? knownByImage(here) : knownVault(preset);
  const mountPoint = origins['mount-point'].from === 'environment' ? undefined : vault?.mountPoint;
  return {
    ...values,
    ...(preset === undefined ? {} : {image: vault!.image}),
    ...(mountPoint === undefined ? {} : {'mount-point': mountPoint}),
  };
}

/** In the background, somebody else's lines are between ours. */
function canRedraw(): boolean {
  return process.stderr.isTTY && inForeground();
}

/** What `--debug` shows of a failure: the error underneath, or what a program of the ghost's has said. */
function underneath({cause, stack}: Failure): string {
  const text = cause instanceof Error ? cause.stack : cause;
  return typeof text === 'string' ? text.trimEnd() : (stack ?? '');
}
