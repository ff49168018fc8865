import {quotedWord} from '../../foundation/shell-word.ts';
import {readProcessStat} from '../../kernel/process-record.ts';
import {findProgram, onlyBelow} from '../../kernel/program.ts';
import {joinedName, lockedMarker} from '../../lifecycle/init-label.ts';
import {ownProgram} from '../../lifecycle/own-files.ts';
import type {Caller} from '../caller.ts';
import {intoSessionGroups, type SessionGroups} from '../control-group.ts';
import {nodeWithoutDebugger} from './debuggers.ts';
import {callersLimits} from '../limits.ts';

/*
 * The shell code between the ghost and the user's program. It runs as root, so every word in it is a constant, a number,
 * or a path of this install, and quoted. dash is /bin/sh here: small, and it reaps orphans as PID 1.
 *
 * Descriptor 3 is the line to the ghost, 4 the session's user namespace. The user's program gets neither.
 */

/**
 * The init of a session: waits for the ghost's word, and ends if the ghost is gone by then; runs the program; tells
 * the ghost the program's exit code; and stays as long as other shells have joined. Its end is the end of every process
 * in the namespace, so a process that joins at that moment must know: descriptor 9 of the init is open while it
 * decides, and a process that finds it open has not joined. Either the init sees the process, or the process sees the
 * descriptor.
 *
 * If others still run then, the ghost looks which, before the init ends them.
 *
 * If the end is a lock, the init waits for the others: an editor that saves its file on SIGHUP has the grace time for
 * it, though the shell it was started from is gone at once. `lock` ends that wait.
 *
 * It keeps its credentials, because the kernel forgets the parent-death signal of a process that changes them.
 */
export function initScript(caller: Caller, program: string): string {
  return [
    'read -r go <&3 || exit 1',
    `joined() { for p in /proc/[0-9]*; do [ "$p" = /proc/1 ] || { ${isJoined(caller)} && return 0; }; done; return 1; }`,
    program,
    'code=$?',
    `locked() { [ -e /dev/shm/${lockedMarker} ]; }`,
    'told=',
    'while exec 9</dev/null; ! locked && joined; do exec 9<&-; [ "$told" ] || echo $code >&3; told=1; sleep 0.2; done',
    'others() { for p in /proc/[0-9]*; do [ "$p" = /proc/1 ] || return 0; done; return 1; }',
    `locked || ! others || { echo ${leavingWord} >&3; while read -r word <&3 && [ "$word" != ${seenWord} ]; do :; done; }`,
    'while locked && others; do sleep 0.05; done',
    'exit $code',
  ].join('; ');
}

/**
 * Whether process `$p` is one of TazPod's own beside the init. In a sealed session those are the ones in the init's
 * user namespace: nothing that the user runs gets there. In a private one there is no such line, and a name must do.
 */
function isJoined(caller: Caller): string {
  return caller.isolation === 'sealed' ? '[ "$p/ns/user" -ef /proc/1/ns/user ]' : `grep -qs ${joinedName} "$p/cmdline"`;
}

/**
 * What stands between the ghost and a program that joins: it tells the ghost that it is in a session that goes on, and,
 * as the init, waits for the ghost's word.
 */
export function joinedScript(program: string): string {
  return `[ -e /proc/1/fd/9 ] && exit 1; echo ${joinedWord} >&3; read -r go <&3 || exit 1; ${program}; exit $?`;
}

/** What a shell that has joined tells the ghost. */
export const joinedWord = 'joined';

/** What the init tells the ghost when it is about to end others, and what the ghost answers when it has seen them. */
export const leavingWord = 'leaving';
export const seenWord = 'seen';

/** What the relay tells the ghost when the session's program was stopped. */
export const stoppedWord = 'stopped';

/** A terminal of the session's own, in the private devpts, relayed to the one outside. */
export function relay(program: string): string {
  const script = `script --quiet --return --command ${quotedWord(withJobControl(program))} /dev/null`;
  return sudoRelays() ? `sh -c ${quotedWord(`trap '' TTOU; exec ${script}`)}` : script;
}

/**
 * Whether this terminal is sudo's own (`use_pty`), and not the one that the user's shell has: there, the relay may put
 * the terminal in order at its end in the background too. Elsewhere the kernel stops it until `fg`.
 */
function sudoRelays(): boolean {
  const self = readProcessStat('self');
  return self !== undefined && self.ppid === self.session;
}

/**
 * Runs a program as the only job of a terminal. A shell with job control leads the terminal's session, because the
 * kernel does not let Ctrl-Z stop a program whose parent is not there to continue it. When the job is stopped, the shell
 * tells the ghost, waits for its word, and continues the job. What it has to say of signals goes nowhere.
 */
function withJobControl(program: string): string {
  return [
    `exec 5>&2 2>/dev/null; set -m; ${program} 2>&5 5>&-; code=$?`,
    `while jobs %1 >/dev/null 2>&1; do echo ${stoppedWord} >&3; read -r go <&3 || exit 1; fg %1 >/dev/null; code=$?; done`,
    'exit $code',
  ].join('; ');
}

/**
 * The way down from root to the user's program: into the user namespace that root owns, and out of every capability,
 * with no way back up (`no_new_privs`, empty bounding set). That no core is dumped is inherited from the ghost.
 */
export function withoutPrivileges(caller: Caller, orderPath: string, sessionGroups: SessionGroups): string {
  const ids = [
    `--reuid=${caller.sessionUid} --regid=${caller.sessionGid}`,
    caller.groups.length > 0 ? `--groups=${caller.groups.join(',')}` : '--clear-groups',
  ].join(' ');
  const start = `${newKeyring()} exec "$@"`;
  const drop = [
    `exec 3<&- 4<&-; ${callersLimits()} ${newKeyring()} exec setpriv ${caller.isolation === 'sealed' ? ids : ''}`,
    `--inh-caps=-all --ambient-caps=-all --bounding-set=-all --no-new-privs -- /bin/sh -c ${quotedWord(start)} sh`,
    [process.execPath, nodeWithoutDebugger, launchPath, orderPath].map(quotedWord).join(' '),
  ].join(' ');
  if (caller.isolation === 'private') return `/bin/sh -c ${quotedWord(drop)}`;
  const way = `nsenter --user=/proc/self/fd/4 -- /bin/sh -c ${quotedWord(drop)}`;
  return sessionGroups.length === 0
    ? way
    : `/bin/sh -c ${quotedWord(`${intoSessionGroups(sessionGroups)}exec ${way}`)}`;
}

/**
 * Shell code that gives the shell a session keyring of its own (session-keyring(7)). Otherwise the session would have
 * that of the login, and what a program of the session puts there would be in every process of the login. e4crypt(8)
 * is the one program of the packages that are needed anyway that makes one; where it is missing, the keyring is shared.
 * The kernel lets only the owner of the old one replace it, root or the user: so it is tried as either.
 */
function newKeyring(): string {
  const e4crypt = findProgram('e4crypt');
  return e4crypt === undefined ? '' : `${quotedWord(e4crypt)} new_session </dev/null >/dev/null 2>&1;`;
}

/** A command that ends with this process: see `startBound`. */
export function bound(command: readonly string[]): string[] {
  return ['setpriv', '--pdeathsig', 'KILL', '--', '/bin/sh', '-c', onlyBelow(process.pid), 'sh', ...command];
}

const launchPath = ownProgram('ghost/session/launch');
