import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {audit} from '../vault-directory/audit.ts';
import {nothingPulled} from '../failures.ts';
import {userEnvironment} from '../environment/user-environment.ts';
import {readRecord} from '../installed/generations.ts';
import {needKnownVault} from '../vault-directory/known-vault.ts';

/** The shells that exports are rendered for. */
export const exportShells = ['sh', 'fish'] as const;

/** What is typed to have the variables in a shell that was there before them. */
export function loadCommand(shell: (typeof exportShells)[number]): string {
  return shell === 'fish' ? 'tazpod env --shell fish | source' : 'eval "$(tazpod env)"';
}

/** Writes the exports of all pulled variables to standard output, as the last pull has rendered them. */
export async function printExports(
  mountPoint: string,
  shell: (typeof exportShells)[number],
): Promise<readonly string[]> {
  const record = readRecord(mountPoint);
  if (record === undefined) {
    throw nothingPulled();
  }
  needKnownVault(mountPoint, userEnvironment());
  const names = record.variables.map(({name}) => name);
  const bytes = readFileSync(join(mountPoint, `.tazpod/environment/environment.${shell}`));
  try {
    audit(mountPoint, 'export', names);
    await new Promise<void>((resolve, reject) => {
      process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
    });
    return names;
  } finally {
    bytes.fill(0);
  }
}
