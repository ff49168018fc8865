// What the contract of plugins lets an author write, and what it refuses. The check compiles it, and nothing runs it.
import type {
  BackendError,
  CleanupAction,
  CleanupStrategy,
  Contributions,
  FolderAnswer,
  Secret,
  SecretBackend,
  Shell,
} from 'tazpod/contract';

export const smallestBackend: SecretBackend = {contract: 1, readFolder: async () => ({state: 'unchanged'})};
// @ts-expect-error A backend says which contract it was written for.
export const backendWithoutContract: SecretBackend = {readFolder: async () => ({state: 'unchanged'})};
// @ts-expect-error The number of the contract is compared by value.
export const backendOfAnotherContract: SecretBackend = {...smallestBackend, contract: 2};
// @ts-expect-error A backend can read.
export const backendThatReadsNothing: SecretBackend = {contract: 1};

export const secret: Secret = {name: 'A', path: '/', value: Buffer.from('1')};
// @ts-expect-error A value is bytes, which can be wiped: a string cannot.
export const secretAsText: Secret = {name: 'A', path: '/', value: '1'};

export const answer: FolderAnswer = {state: 'read', secrets: [secret]};
// @ts-expect-error Nothing has changed: then there are no secrets.
export const answerOfBoth: FolderAnswer = {state: 'unchanged', secrets: [secret]};

export const told: BackendError['tazpod'] = {kind: 'not-found', what: 'There is no such folder.'};
// @ts-expect-error The core knows an exit code for each kind, and for no other.
export const toldOfAnotherKind: BackendError['tazpod'] = {kind: 'broken', what: 'It is broken.'};

export const smallestStrategy: CleanupStrategy = {
  contract: 1,
  plan: ({loops}) => loops.map(({name}) => ({do: 'detach-loop', name})),
};
// @ts-expect-error The set of actions is closed.
export const unknownAction: CleanupAction = {do: 'abort-connection', id: '42'};
export const changingStrategy: CleanupStrategy = {
  contract: 1,
  plan: (observed) => {
    // @ts-expect-error What was observed is read only.
    observed.loops = [];
    return [];
  },
};

// @ts-expect-error A shell needs the line for its start-up file.
export const shellWithoutSourceLine: Shell = {contract: 1, renderSnippet: () => '', startUpFile: () => ''};

export const contributions: Contributions = {contract: 1, latches: [{command: 'claude'}]};
// @ts-expect-error A section that the core does not know.
export const misspeltContributions: Contributions = {contract: 1, secretBackend: {mine: './dist/mine.js'}};
