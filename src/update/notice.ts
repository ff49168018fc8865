import {mkdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {replaceAtomically} from '../foundation/atomic-file.ts';
import {isNewer} from './newer.ts';

/** What is known of newer versions, between commands. */
type Memory = {
  /** What the registry called the latest version when it was last asked. */
  readonly newest?: string;
  readonly nextAskMs: number;
  readonly nextTellMs: number;
};

export type NoticeOptions = {
  /** A directory of the user's own, for what is known between commands. */
  readonly folder: string;
  /** The version that runs. */
  readonly version: string;
  readonly registry: string;
  /** Default: the clock. */
  readonly nowMs?: number;
};

const dayMs = 24 * 60 * 60_000;

/** A command that ended before the registry answered leaves the next one alone for so long. */
const retryMs = 10 * 60_000;

const answerLimitBytes = 10_000;

/** Whether the notice may be shown here at all: a person sees it, as themselves, and outside of a vault. */
export function isForPeople({env, stdin, stdout, stderr}: typeof process, uid = process.getuid!()): boolean {
  const isTerminal = [stdin, stdout, stderr].every(({isTTY}) => isTTY);
  return isTerminal && uid !== 0 && !env['CI'] && env['TAZPOD_GHOST_MODE'] !== 'true';
}

/** Whether there may be something to tell or to ask now. Reads one small file. */
export function isNoticeDue(folder: string, nowMs = Date.now()): boolean {
  const {nextAskMs, nextTellMs, newest} = remember(folder, nowMs);
  return nowMs >= nextAskMs || (newest !== undefined && nowMs >= nextTellMs);
}

/** The newer version that is to be announced now; it is announced again in a day at the earliest. */
export async function versionToAnnounce({
  folder,
  version,
  nowMs = Date.now(),
}: NoticeOptions): Promise<string | undefined> {
  const memory = remember(folder, nowMs);
  if (memory.newest === undefined || nowMs < memory.nextTellMs) return undefined;
  if (!(await isNewer(memory.newest, version))) return undefined;
  return note(folder, {...memory, nextTellMs: nowMs + dayMs}) ? memory.newest : undefined;
}

/**
 * Asks the registry for the newest version while the command does its work; the next command announces it. Nothing is
 * started and nothing is waited for: the end of the command calls what this returns, and an answer that has not come
 * by then is given up.
 */
export function askMeanwhile({folder, registry, nowMs = Date.now()}: NoticeOptions): () => void {
  const memory = remember(folder, nowMs);
  // Where nothing can be remembered, every command would ask.
  if (nowMs < memory.nextAskMs || !note(folder, {...memory, nextAskMs: nowMs + retryMs})) return () => {};
  const giveUp = new AbortController();
  const ask = async () => {
    const address = new URL('-/package/tazpod/dist-tags', registry.endsWith('/') ? registry : `${registry}/`);
    const response = await fetch(address, {signal: giveUp.signal});
    const text = response.ok ? await response.text() : '{}';
    const latest = text.length > answerLimitBytes ? undefined : (JSON.parse(text) as {latest?: unknown}).latest;
    // What the meantime has noted, by another command, counts.
    note(folder, {
      ...remember(folder, nowMs),
      nextAskMs: nowMs + dayMs,
      ...(isVersion(latest) ? {newest: latest} : {}),
    });
  };
  ask().catch(() => {});
  return () => giveUp.abort();
}

/** The registry's words end up on a terminal. */
function isVersion(text: unknown): text is string {
  return typeof text === 'string' && /^\d[\w.+-]{0,99}$/.test(text);
}

/** What was noted last. A file that is not there, not ours to read, or from a clock ahead of this one says nothing. */
function remember(folder: string, nowMs: number): Memory {
  const nothing = {nextAskMs: 0, nextTellMs: 0};
  try {
    const {newest, nextAskMs, nextTellMs} = JSON.parse(readFileSync(fileIn(folder), 'utf8')) as Record<string, unknown>;
    const known = {...nothing, ...(isVersion(newest) ? {newest} : {})};
    const isMoment = (value: unknown): value is number => typeof value === 'number' && value <= nowMs + dayMs;
    return isMoment(nextAskMs) && isMoment(nextTellMs) ? {...known, nextAskMs, nextTellMs} : known;
  } catch {
    return nothing;
  }
}

/** Returns whether it could be noted. */
function note(folder: string, memory: Memory): boolean {
  try {
    mkdirSync(folder, {recursive: true, mode: 0o700});
    replaceAtomically(fileIn(folder), `${JSON.stringify(memory)}\n`, 0o600);
    return true;
  } catch {
    return false;
  }
}

function fileIn(folder: string): string {
  return join(folder, 'new-version.json');
}
