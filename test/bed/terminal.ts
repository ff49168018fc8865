import {spawnSync} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {statSync} from 'node:fs';
import {join} from 'node:path';
import {identifyProcess, isAlive} from '../../src/kernel/process.ts';
import {attendants} from './attendants.ts';
import {asUser, loginEnvironment, type RunOptions} from './run.ts';
import {until} from './until.ts';
import type {BedUser} from './user.ts';

/** A real terminal with a shell of the user's in it: tmux with a server of its own, which is the user's too. */
export type TestTerminal = {
  /** The terminal's device, `/dev/pts/N`. */
  readonly path: string;
  /** The shell in it. */
  readonly shellPid: number;
  /** Types text as it is. */
  type(text: string): void;
  /** Presses keys by tmux's names: `C-c`, `C-z`, `Enter`. */
  press(...keys: readonly string[]): void;
  /** Types a command line and Enter. */
  enter(line: string): void;
  /** What the screen shows, and with `history` what has left it at the top. */
  screen(history?: boolean): string;
  /** Waits until the screen matches, and returns the match. */
  shows(pattern: RegExp, withinMs?: number): Promise<RegExpExecArray>;
  resize(columns: number, rows: number): void;
  clear(): void;
  /** What programs have set: `alternate=0 mouse=0 cursor=1`. */
  modes(): string;
  /** Owner and mode of the terminal now: `1001 620`. */
  owner(): string;
  /** Whether its shell has ended. */
  hasEnded(): boolean;
  close(): void;
};

/** What a shell of the user's shows when it waits for a command: the one of the terminal, and the one of a ghost. */
export const atPrompt = /^outside> ?$/m;
export const atGhostPrompt = /^ghost> ?$/m;

export type TerminalOptions = Pick<RunOptions, 'env' | 'cwd'> & {
  /** A command, run by root, that becomes the one behind it: to open the terminal in namespaces of its own. */
  readonly within?: readonly string[];
  /** The shell in it. Default: bash. */
  readonly shell?: string;
  /** What it shows when it waits. Default: `atPrompt`. */
  readonly prompt?: RegExp;
  /** Default: 120 columns, 40 rows. */
  readonly columns?: number;
  readonly rows?: number;
};

/** Opens a terminal, and waits for its shell. */
export async function openTerminal(
  user: BedUser,
  {
    env = {},
    cwd = user.home,
    within = [],
    shell = 'bash',
    prompt = atPrompt,
    columns = 120,
    rows = 40,
  }: TerminalOptions = {},
): Promise<TestTerminal> {
  const socket = join(user.runtimeFolder, `tmux-${randomBytes(4).toString('hex')}`);
  // No test asks a registry for a new version unless it says so.
  const quiet = {TAZPOD_UPDATE_NOTICE: 'never'};
  const environment: NodeJS.ProcessEnv = {...loginEnvironment(user), TERM: 'xterm-256color', ...quiet, ...env};
  const tmux = (...args: string[]): string => {
    const [program, ...words] = [...within, 'setpriv', ...asUser(user)];
    const {status, stdout, stderr} = spawnSync(
      program!,
      [...words, 'tmux', '-S', socket, '-f', '/dev/null', ...args],
      // Node leaves out what is undefined.
      {cwd, encoding: 'utf8', env: environment},
    );
    if (status !== 0) throw new Error(`tmux ${args[0] ?? ''}: ${stderr}`);
    return stdout;
  };
  tmux('new-session', '-d', '-s', 'bed', '-x', String(columns), '-y', String(rows), `exec ${shell}`);
  tmux('set-option', '-g', 'remain-on-exit', 'on');
  const [path, shellPid, serverPid] = tmux('display-message', '-p', '#{pane_tty} #{pane_pid} #{pid}').trim().split(' ');
  for (const pid of [shellPid, serverPid]) attendants.add(Number(pid));
  const firstShell = identifyProcess(Number(shellPid));
  const terminal: TestTerminal = {
    path: path!,
    shellPid: Number(shellPid),
    type: (text) => void tmux('send-keys', '-l', '--', text),
    press: (...keys) => void tmux('send-keys', '--', ...keys),
    enter: (line) => {
      terminal.type(line);
      terminal.press('Enter');
    },
    screen: (history = false) => tmux('capture-pane', '-p', '-J', ...(history ? ['-S', '-'] : [])),
    shows: (pattern, withinMs) =>
      until(`the terminal shows ${pattern.source}`, () => pattern.exec(terminal.screen()) ?? undefined, {
        ...(withinMs === undefined ? {} : {withinMs}),
        seen: () => terminal.screen(true),
      }),
    resize: (columns, rows) => void tmux('resize-window', '-x', String(columns), '-y', String(rows)),
    clear: () => {
      terminal.enter('clear');
      tmux('clear-history');
    },
    modes: () =>
      tmux('display-message', '-p', 'alternate=#{alternate_on} mouse=#{mouse_any_flag} cursor=#{cursor_flag}').trim(),
    owner: () => {
      const {uid, mode} = statSync(path!);
      return `${uid} ${(mode & 0o777).toString(8)}`;
    },
    // Asked of the kernel: tmux does not always notice.
    hasEnded: () => firstShell === undefined || !isAlive(firstShell),
    close: () => {
      spawnSync('setpriv', [...asUser(user), 'tmux', '-S', socket, 'kill-server']);
    },
  };
  await terminal.shows(prompt);
  return terminal;
}
