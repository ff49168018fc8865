import {spawn} from 'node:child_process';
import {constants} from 'node:os';
import {packageFile} from '../lifecycle/own-files.ts';
import type {GhostPlan} from '../lifecycle/plan.ts';
import type {Escalation} from './escalation.ts';
import {ghostNotStarted} from './failures.ts';

/** The privileged entry that belongs to this CLI. */
export const ghostEntry = packageFile('bin/tazpod-ghost');

/** What the entry ends with when it has found no Node that it may run, as a shell does without a program. */
export const noNodeCode = 127;

/** The vault's passphrase may be asked for right after it. sudo puts the user's name in the place of `%p`. */
const sudoPrompt = '[sudo] Login password of %p: ';

/** The ghost, or sudo in front of it. */
export type GhostProcess = {readonly pid: number; readonly ended: Promise<number>; unref(): void};

/**
 * Starts the ghost, or sudo in front of it. It gets the working directory as it is, without looking its name up: the
 * user may stand in one that only root may enter.
 */
export function startGhost(
  plan: GhostPlan,
  planPath: string,
  {isolation, prefix, environment}: Escalation,
): GhostProcess {
  const [file, ...args] = [...prefix, ghostEntry, planPath, ...optionsFor(plan, isolation)] as [string, ...string[]];
  // sudo passes nothing of ours on; without sudo the entry starts the Node that we run on.
  const env = {SUDO_PROMPT: sudoPrompt, ...environment, TAZPOD_GHOST_NODE: process.execPath};
  // The ghost's own teardown is gentler than any signal to the process that started it.
  const child = spawn(file, args, {stdio: 'inherit', env});
  const ended = new Promise<number>((resolve, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => reject(ghostNotStarted(file, error)));
    child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal!]));
  });
  return {pid: child.pid ?? 0, ended, unref: () => child.unref()};
}

/** Which program the entry is to start, and where that is to look. */
function optionsFor({operation}: GhostPlan, isolation: Escalation['isolation']): string[] {
  switch (operation) {
    case 'open':
      return [];
    case 'keys':
      return ['--keys'];
    case 'enter':
      return isolation === 'private' ? [fromOutside] : [];
    case 'lock':
      return ['--cleaning', ...(isolation === 'private' ? [fromOutside] : [])];
    case 'observe':
    case 'clean':
      return ['--cleaning', isolation === 'private' ? fromOutside : '--in-callers-namespace'];
  }
}

/** Without a privilege and in no namespace of its own: there it would not see the ghosts of its user. */
const fromOutside = '--from-outside';
