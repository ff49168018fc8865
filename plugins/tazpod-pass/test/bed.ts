import {spawnSync} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {BackendContext, BackendError, FolderAnswer, Secret} from 'tazpod/contract';
import {expect} from 'chai';

/** A home with keys of gpg and a password store of their owner. */
export type Store = {
  readonly home: string;
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  /** `pass ARGS`, with this as its input. */
  pass(args: readonly string[], input?: string | Buffer): void;
  /** `gpg ARGS`. */
  gpg(args: readonly string[]): string;
  /** Ends the agent that gpg has started, so that it no longer knows a passphrase. */
  endAgent(): void;
  remove(): void;
};

export const owner = 'owner@example.com';

/** Makes a store and a key for it. A key with a passphrase is locked as soon as the agent has been ended. */
export function makeStore(passphrase = ''): Store {
  const home = mkdtempSync(join(tmpdir(), 'tazpod-test-'));
  const folder = join(home, '.password-store');
  const environment = {PATH: process.env['PATH']!, HOME: home, GNUPGHOME: join(home, 'gpg')};
  const must = (program: string, args: readonly string[], input: string | Buffer = '') => {
    const {status, stdout, stderr} = spawnSync(program, args, {env: environment, input, encoding: 'utf8'});
    if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${status}: ${stderr}`);
    return stdout;
  };
  must('mkdir', ['-m', '700', environment.GNUPGHOME]);
  const gpg = (args: readonly string[]) => must('gpg', ['--batch', ...args]);
  const unlocked = ['--pinentry-mode', 'loopback', '--passphrase', passphrase];
  gpg([...unlocked, '--quick-generate-key', `Owner <${owner}>`, 'future-default', 'default', 'never']);
  const pass = (args: readonly string[], input?: string | Buffer) => void must('pass', args, input);
  pass(['init', owner]);
  const endAgent = () => {
    must('gpgconf', ['--kill', 'gpg-agent']);
  };
  return {
    home,
    folder,
    environment,
    pass,
    gpg,
    endAgent,
    remove: () => {
      endAgent();
      // The agent takes its sockets away meanwhile.
      rmSync(home, {recursive: true, force: true, maxRetries: 5});
    },
  };
}

export function contextOf({home, environment}: Store, settings: BackendContext['settings'] = {}): BackendContext {
  return {
    name: 'pass',
    settings,
    environment,
    projectFolder: home,
    timeoutMs: 20_000,
    signal: new AbortController().signal,
    warn: (text) => {
      throw new Error(`a warning: ${text}`);
    },
    store: {
      read: () => Promise.reject(new Error('read')),
      write: () => Promise.reject(new Error('write')),
      remove: () => Promise.reject(new Error('remove')),
    },
  };
}

export function secretsOf(answer: FolderAnswer): readonly Secret[] {
  if (answer.state === 'unchanged') throw new Error('unchanged');
  return answer.secrets;
}

/** Path and name → value, as text. */
export function valuesOf(answer: FolderAnswer): Record<string, string> {
  return Object.fromEntries(
    secretsOf(answer).map(({path, name, value}) => [
      `${path === '/' ? '' : path}/${name}`,
      Buffer.from(value).toString(),
    ]),
  );
}

/** What the backend tells the user, and nothing else: any other error fails the test. */
export async function troubleOf(work: Promise<unknown>): Promise<BackendError['tazpod']> {
  const error: unknown = await work.then(
    () => new Error('it succeeded'),
    (failed: unknown) => failed,
  );
  expect(error).to.have.property('tazpod');
  return (error as BackendError).tazpod;
}
