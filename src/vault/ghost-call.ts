import {realpathSync, rmSync, writeFileSync} from 'node:fs';
import {constants} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {isatty} from 'node:tty';
import type {Failure} from '../foundation/failure.ts';
import {takeSignals} from '../foundation/take-signals.ts';
import {type GhostMessage, sessionSignals} from '../lifecycle/message.ts';
import type {GhostPlan, Isolation} from '../lifecycle/plan.ts';
import {Conversation, type GhostListener, type Told} from './conversation.ts';
import {chooseEscalation, type Escalation} from './escalation.ts';
import {noNode, sudoRefused} from './failures.ts';
import {Job} from './job.ts';
import {placePlanFolder} from './plan-folder.ts';
import type {Presentation} from './presentation.ts';
import type {SavedTerminal} from './session-terminal.ts';
import {ghostEntry, noNodeCode, startGhost} from './start-ghost.ts';
import {endTerminalLinesWithCrLf} from './terminal-lines.ts';

/** How long sudo may take to relay the last words of a session before the steps of closing are drawn. */
const relayMs = 1000;

/** How a call of the ghost ended: with the session's exit code, or one of `exitCode`. */
export type GhostEnd = Omit<Told, 'began'> & {readonly code: number};

/**
 * Calls the ghost with a plan and stays until it has ended. The plan lies in a folder that only this user can enter,
 * beside the socket over which the two talk; the ghost removes both as soon as it has them.
 */
export async function callGhost(
  plan: GhostPlan,
  escalation: Escalation,
  listener: GhostListener,
  terminal?: SavedTerminal,
): Promise<GhostEnd> {
  const folder = placePlanFolder();
  const conversation = new Conversation(listener);
  // Those that the terminal sends to all of its foreground processes reach the session without our help.
  const fromTerminal: readonly string[] = process.stdin.isTTY ? ['SIGINT', 'SIGQUIT'] : [];
  const seen = {interrupt: false};
  const stopTaking = takeSignals(sessionSignals, (signal) => {
    if (signal === 'SIGINT') seen.interrupt = true;
    if (!fromTerminal.includes(signal)) conversation.say({say: 'signal', signal});
  });
  try {
    const planPath = join(folder, 'plan.json');
    writeFileSync(planPath, JSON.stringify(plan), {mode: 0o600, flag: 'wx'});
    await conversation.listen(join(folder, 'socket'));
    endTerminalLinesWithCrLf();
    const ghost = startGhost(plan, planPath, escalation);
    const job = new Job(ghost.pid, terminal, conversation);
    // sudo may relay a terminal of its own, and has written all of it when it ends. Closing is mostly over by then.
    if (escalation.prefix.length > 0) {
      const ended = ghost.ended.catch(() => {});
      conversation.sessionShown = () => Promise.race([ended, sleep(relayMs, undefined, {ref: false})]);
    }
    const code = await Promise.race([conversation.lingers, ghost.ended]).finally(() => job.end());
    // A ghost that lingers for others is not waited for.
    ghost.unref();
    const {began, ...told} = await conversation.ended();
    if (began) return {code, ...told};
    if (code === noNodeCode) return {code, ...told, failure: noNode(realpathSync(process.execPath))};
    // Ctrl-C at sudo's own prompt: sudo ends with 1, as it does for a wrong password.
    if (seen.interrupt) return {code: 128 + constants.signals.SIGINT, ...told};
    // 1 is sudo's own exit code, and none of the ghost's.
    if (code === 1 && escalation.prefix.length > 0) throw sudoRefused(plan.operation);
    return {code, ...told};
  } finally {
    stopTaking();
    conversation.close();
    rmSync(folder, {recursive: true, force: true});
  }
}

/**
 * Has the ghost do something for which it opens no vault. Throws the Failure that it tells, or `withoutWord` if it ends
 * without telling one.
 *
 * @param isolation that of the open vault: a private ghost is the user's own, and so is the right to end it
 */
export async function askGhost(
  plan: GhostPlan,
  isolation: Isolation | undefined,
  presentation: Presentation,
  withoutWord: () => Failure,
  listener: (message: GhostMessage) => void = () => {},
): Promise<void> {
  const escalation = await chooseEscalation(ghostEntry, isolation, isatty(0));
  const end = await callGhost(plan, escalation, (message) => {
    listener(message);
    return presentation.show(message);
  }).finally(() => presentation.clear());
  if (end.failure !== undefined) throw end.failure;
  if (end.code !== 0) throw withoutWord();
}
