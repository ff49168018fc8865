import {basename} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {isAlive, membersOfPidNamespace} from '../../kernel/process.ts';
import {readCommandLine, readProcessStat} from '../../kernel/process-record.ts';

/** How long what is ending already may take, such as the rest of a pipeline. */
const settleMs = 300;
const pollMs = 10;

/** More are not told: the number of processes is the session's to choose. */
const mostNames = 200;

/**
 * The names of the programs that still run in a session whose own program has ended: jobs in the background, and what
 * else would live on in a shell that is not in a ghost. Any character may be in a name.
 *
 * Safe as root: it reads what the kernel shows everybody of a process, and decides nothing by it.
 */
export async function programsLeftBehind(initPid: number): Promise<string[]> {
  for (const deadlineMs = performance.now() + settleMs; ; await sleep(pollMs)) {
    const running = membersOfPidNamespace(initPid)
      .slice(1)
      .filter((member) => isAlive(member));
    if (running.length === 0 || performance.now() >= deadlineMs) return running.slice(0, mostNames).map(nameOf);
  }
}

/** As it was called, without its arguments; a thread of its own may have given the kernel another name. */
function nameOf({pid}: {readonly pid: number}): string {
  const [word = ''] = (readCommandLine(pid)?.[0]?.toString('utf8') ?? '').split(' ');
  return basename(word).replace(/^-|:$/g, '') || (readProcessStat(pid)?.comm ?? '');
}
