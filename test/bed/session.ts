import {randomBytes} from 'node:crypto';
import type {RunningVault} from '../../src/kernel/open-vaults.ts';
import {readOpenVaults} from '../../src/kernel/open-vaults.ts';
import {type Background, type RunOptions, startTazpod} from './run.ts';
import {until} from './until.ts';
import type {TestVault} from './vault.ts';

/** An open vault: `tazpod unlock` without a terminal, whose shell the test types into. */
export type TestSession = {
  readonly vault: TestVault;
  /** The CLI. */
  readonly unlock: Background;
  /** The vault as the kernel shows it, with the init of its PID namespace. */
  readonly running: RunningVault;
  /** Types a command into the shell and returns what it printed, both streams, and its exit code. */
  ask(command: string): Promise<{readonly output: string; readonly code: number}>;
  /** Types `exit` and waits for the end of `unlock`. */
  leave(): ReturnType<typeof waitForEnd>;
};

/** Opens a vault and waits until its shell answers. */
export async function openSession(
  vault: TestVault,
  flags: readonly string[] = [],
  options: RunOptions = {},
): Promise<TestSession> {
  return sessionOf(vault, startTazpod(vault.owner, ['unlock', ...vault.flags, ...flags], options));
}

/** The session of a command that opens the vault and ends in a shell; returns when the shell answers. */
export async function sessionOf(vault: TestVault, unlock: Background): Promise<TestSession> {
  const ask = (command: string) => askShell(unlock, command);
  await ask(':');
  const running = runningVault(vault);
  if (running === undefined) throw new Error('The shell answers, and the kernel shows no open vault.');
  return {vault, unlock, running, ask, leave: () => waitForEnd(unlock)};
}

/** The ghost of a vault that is open now. */
export function runningVault({image}: TestVault): RunningVault | undefined {
  return readOpenVaults().find((open) => open.image === image);
}

async function askShell(unlock: Background, command: string): Promise<{output: string; code: number}> {
  const mark = randomBytes(6).toString('hex');
  unlock.type(`echo begin-${mark}; { ${command}\n} 2>&1; echo end-${mark}-$?\n`);
  const [, output, code] = await Promise.race([
    unlock.seen(new RegExp(`begin-${mark}\\n([^]*?)end-${mark}-(\\d+)\\n`)),
    unlock.ended.then(({code: ended, stderr}) => {
      throw new Error(`unlock ended with ${ended} before its shell answered.\n${stderr}`);
    }),
  ]);
  return {output: output!, code: Number(code)};
}

async function waitForEnd(unlock: Background) {
  unlock.type('exit\n');
  return unlock.ended;
}

/** Waits until the kernel shows the vault as open. */
export function untilOpen(vault: TestVault): Promise<RunningVault> {
  return until(`${vault.image} is open`, () => runningVault(vault));
}
