import type {Configuration} from '../config/config.ts';
import type {LatchDeclaration} from '../contract/index.ts';
import type {FoundContributions} from '../extensions/contributions.ts';

/** What becomes a part of shell code is checked here again, even if others have checked it. */
const programName = /^\w[\w.+-]{0,63}$/;

/** The latches of plugins and of the configuration, each command once; the configuration's reason counts. */
export function collectLatches(
  {plugins}: FoundContributions,
  configured: Configuration['latches'],
): readonly LatchDeclaration[] {
  const latches = new Map<string, LatchDeclaration>();
  const all = [...plugins.flatMap(({contributions}) => contributions.latches ?? []), ...configured];
  for (const {command, reason} of all) {
    if (!programName.test(command) || command.startsWith('__tazpod') || command === 'tazpod') continue;
    latches.set(command, {command, ...(reason === undefined ? {} : {reason: reason.replace(/\p{C}/gu, ' ')})});
  }
  return [...latches.values()].sort((a, b) => (a.command < b.command ? -1 : 1));
}
