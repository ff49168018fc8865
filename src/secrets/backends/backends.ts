import {printable} from '../../foundation/printable.ts';
import type {BackendContext, BackendError, SecretBackend} from '../../contract/index.ts';
import {Failure} from '../../foundation/failure.ts';
import {backendError, backendMisbehaved, backendTimedOut, requestInterrupted} from '../failures.ts';
import type {BackendDefinition, Mapping} from '../mapping/mapping.ts';
import {settingsDigest} from '../mapping/settings-digest.ts';
import {type OwnedStore, privateStore} from '../vault-directory/private-store.ts';

/** Gives the backend of a type; throws a Failure where no plugin brings one. */
export type LoadBackend = (type: string) => Promise<SecretBackend>;

/** What backends learn of their surroundings. */
export type BackendSurroundings = {
  readonly mountPoint: string;
  readonly projectFolder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  warn(text: string): void;
};

/** A backend with its settings. */
export type OpenedBackend = {
  readonly definition: BackendDefinition;
  readonly backend: SecretBackend;
  readonly context: BackendContext;
  readonly store: OwnedStore;
  readonly mountPoint: string;
};

/** Loads what a mapping needs. Throws a Failure: 69 for a backend that no plugin brings, 78 for settings it refuses. */
export async function openBackends(
  mapping: Mapping,
  load: LoadBackend,
  surroundings: BackendSurroundings,
): Promise<Map<string, OpenedBackend>> {
  const opened = new Map<string, OpenedBackend>();
  for (const definition of mapping.backends) {
    const backend = await load(definition.type);
    checkSettings(mapping, definition, backend);
    checkContents(mapping, definition, backend);
    const {mountPoint, projectFolder, environment, timeoutMs, signal} = surroundings;
    const store = sessionStore(mountPoint, definition, backend.sessionOf?.(definition.settings));
    const context: BackendContext = {
      name: definition.name,
      settings: definition.settings,
      environment,
      projectFolder,
      store,
      timeoutMs,
      signal,
      warn: (text) => surroundings.warn(`${definition.name}: ${printable(text, 400)}`),
    };
    opened.set(definition.name, {definition, backend, context, store, mountPoint});
  }
  return opened;
}

/**
 * Where a backend keeps its session, `NAME-XXXXXXXX`. The letters are of its type and of what its session belongs to, which
 * are its settings if the backend says nothing else, as in older versions: a `secrets.yml` that gives a known name another
 * server does not get that one's session.
 */
function sessionStore(mountPoint: string, definition: BackendDefinition, session: string | undefined): OwnedStore {
  const nameFor = (settings: BackendDefinition['settings']) =>
    `${definition.name}-${settingsDigest({type: definition.type, settings}).slice(0, 8)}`;
  const bySettings = nameFor(definition.settings);
  return privateStore(mountPoint, session === undefined ? bySettings : nameFor({session}), bySettings);
}

/** Throws a Failure (78) with everything that a backend says about its settings. Nobody else is asked. */
export function checkSettings({file}: Mapping, {name, settings}: BackendDefinition, backend: SecretBackend): void {
  const faults = backend.checkSettings?.(settings) ?? [];
  if (faults.length === 0) return;
  const inBackends = Object.hasOwn(file.value.backends ?? {}, name);
  const said = faults.map((fault) => printable(fault, 400)).join(' ');
  throw file.failure(inBackends ? ['backends', name] : ['config'], `is invalid: ${said}`);
}

function checkContents({file, secrets}: Mapping, {name}: BackendDefinition, backend: SecretBackend): void {
  const known = Array.isArray(backend.contents) ? (backend.contents as readonly string[]) : [];
  const wrong = secrets.find(
    ({backend: {name: of}, content}) => of === name && content !== undefined && !known.includes(content),
  );
  if (wrong === undefined) return;
  throw file.failure(
    [...wrong.at, 'content'],
    known.length === 0 ? `is not a setting of the backend ${name}.` : `is not one of ${known.join(', ')}.`,
  );
}

/**
 * Calls a backend, and gives up on one that goes on for much longer than all its answers together may take. Throws a
 * Failure in the words of its BackendError; any other error is a bug of the plugin, and shown with --debug only.
 */
export async function callBackend<T>(
  {definition, context}: OpenedBackend,
  what: string,
  call: () => Promise<T>,
  limitMs = answersPerCall * context.timeoutMs,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  let stop = () => {};
  try {
    return await Promise.race([
      call(),
      new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => reject(tooLate(definition.name, limitMs)), limitMs);
        stop = () => reject(requestInterrupted());
        context.signal.addEventListener('abort', stop);
      }),
    ]);
  } catch (error) {
    throw error instanceof Failure ? error : asFailure(error, definition.name, what);
  } finally {
    clearTimeout(timer);
    context.signal.removeEventListener('abort', stop);
  }
}

/** True for a Failure that says that a store could not be reached. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof Failure && unreachable.has(error);
}

/** A folder of many pages, a login before it and a renewal within it. */
const answersPerCall = 30;

const unreachable = new WeakSet<Failure>();

function asFailure(error: unknown, name: string, what: string): Failure {
  const failure = backendError(error);
  if (failure === undefined) return backendMisbehaved(name, `It could not ${what}; --debug shows its error.`, error);
  if ((error as BackendError).tazpod.kind === 'unreachable') unreachable.add(failure);
  return failure;
}

function tooLate(name: string, limitMs: number): Failure {
  const failure = backendTimedOut(name, limitMs);
  unreachable.add(failure);
  return failure;
}
