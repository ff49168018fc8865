import {basename} from 'node:path';
import {pollUntil} from '../../foundation/poll.ts';
import {isAlive, membersOfPidNamespace} from '../../kernel/process.ts';
import {readCommandLine, readProcessStat} from '../../kernel/process-record.ts';

/** How long what is ending already may take, such as the rest of a pipeline. */
const settleMs = 300;

/** More are not told: the number of processes is the session's to choose. */
const mostNames = 200;

/**
 * The names of the programs that still run in a session whose own program has ended: jobs in the background, and what
 * else would live on in a shell that is not in a ghost. Any character may be in a name.
 *
 * Safe as root: it reads what the kernel shows everybody of a process, and decides nothing by it.
 */
export async function programsLeftBehind(initPid: number): Promise<string[]> {
  const running = () =>
    membersOfPidNamespace(initPid)
      .slice(1)
      .filter((member) => isAlive(member));
  let seen = running();
  await pollUntil(() => (seen = running()).length === 0, settleMs);
  return seen.slice(0, mostNames).map(nameOf);
}

/** As it was called, without its arguments; a thread of its own may have given the kernel another name. */
function nameOf({pid}: {readonly pid: number}): string {
  const [word = ''] = (readCommandLine(pid)?.[0]?.toString('utf8') ?? '').split(' ');
  return basename(word).replace(/^-|:$/g, '') || (readProcessStat(pid)?.comm ?? '');
}
