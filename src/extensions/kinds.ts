/** The number of the contract that this core speaks; see `src/contract/contributions.ts`. */
export const contractVersion = 1;

/** The kinds of contribution that are modules under a name. */
export const moduleKinds = ['secretBackends', 'shells', 'cleanupStrategies'] as const;
export type ModuleKind = (typeof moduleKinds)[number];

/** What a kind of contribution is called in a sentence. */
export const kindWords: Readonly<Record<ModuleKind, string>> = {
  secretBackends: 'the secret backend',
  shells: 'the shell',
  cleanupStrategies: 'the cleanup strategy',
};
