import type {BackendContext, BackendError, FolderAnswer, Secret} from 'tazpod/contract';
import {expect} from 'chai';
import {recordedProject} from '../../../test/bed/infisical/world.ts';
import {type InfisicalDouble} from '../../../test/bed/infisical/double.ts';
import backend from '../src/backend.ts';

export type TestContext = BackendContext & {
  /** What lies in the vault, by name. */
  readonly stored: Map<string, Uint8Array>;
  readonly warnings: string[];
};

/** A context as the core gives it, with a vault in memory. */
export function makeContext(given: Partial<BackendContext> = {}): TestContext {
  const stored = new Map<string, Uint8Array>();
  const warnings: string[] = [];
  return {
    name: 'infisical',
    settings: {},
    environment: {},
    projectFolder: '/',
    timeoutMs: 30_000,
    signal: new AbortController().signal,
    warn: (text) => void warnings.push(text),
    store: {
      read: async (name) => stored.get(name),
      write: async (name, content) => void stored.set(name, Uint8Array.from(content)),
      remove: async (name) => void stored.delete(name),
    },
    stored,
    warnings,
    ...given,
  };
}

/** A context for the double's project. */
export function contextFor(double: InfisicalDouble, settings: BackendContext['settings'] = {}): TestContext {
  return makeContext({settings: {project: recordedProject, url: double.url, ...settings}});
}

/** One of the double's identities, by the end of its name. */
export function identityOf(double: InfisicalDouble, name: string) {
  const identity = double.world.identities.find((each) => each.name === `tazpod-${name}`)!;
  return {clientId: identity.clientId, clientSecret: identity.clientSecrets[0]!.secret};
}

/** Logs one of the double's identities in. */
export async function logIn(context: BackendContext, double: InfisicalDouble, name = 'reader') {
  const {clientId, clientSecret} = identityOf(double, name);
  return backend.login!(context, {
    identity: clientId,
    secret: Buffer.from(clientSecret),
    ask: () => Promise.reject(new Error('asked')),
    askSecret: () => Promise.reject(new Error('asked')),
  });
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

export function secretsOf(answer: FolderAnswer): readonly Secret[] {
  if (answer.state === 'unchanged') throw new Error('unchanged');
  return answer.secrets;
}

/** What the backend tells the user, and nothing else: any other error fails the test. */
export async function troubleOf(work: Promise<unknown>): Promise<BackendError['tazpod']> {
  const error: unknown = await work.then(
    () => new Error('it succeeded'),
    (failed: unknown) => failed,
  );
  expect(error).to.have.property('tazpod');
  const {tazpod, message} = error as BackendError;
  expect(message).to.equal(tazpod.what);
  return tazpod;
}
