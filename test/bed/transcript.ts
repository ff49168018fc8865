import {statSync} from 'node:fs';
import {join} from 'node:path';
import {install} from './install.ts';
import {writeAs} from './ownership.ts';
import {openTerminal, type TestTerminal} from './terminal.ts';
import {until} from './until.ts';
import type {BedUser} from './user.ts';

type Answer = readonly [asked: RegExp, answer: string | (() => string)];

/** A command line, and what is typed where the program asks: an answer for each pattern, in their order. */
export type Entered = string | {readonly line: string; readonly answers: readonly Answer[]};

/** A terminal of 80 columns whose prompt is `$ `, for what a user types and sees. */
export type Recorder = {
  /** Types the lines one after the other, each at a prompt, and returns what the terminal shows of all of them. */
  record(folder: string, lines: readonly Entered[]): Promise<string>;
  /** The device, `/dev/pts/N`. */
  readonly path: string;
  close(): void;
};

const waitingMs = 120_000;

/** Opens the terminal. Each prompt leaves a byte in a file, which tells it from an older one on the screen. */
export async function openRecorder(user: BedUser): Promise<Recorder> {
  const prompts = writeAs(user, join(user.home, '.prompts'), '');
  writeAs(
    user,
    join(user.home, '.bashrc'),
    `unset HISTFILE\nPS1='$ '\nPROMPT_COMMAND="echo >>~/.prompts;$PROMPT_COMMAND"\n`,
  );
  const env = {LANG: 'C.UTF-8', TAZPOD_SIZE: '32M'};
  const terminal = await openTerminal(user, {columns: 80, rows: 24, prompt: /\$ ?\n*$/, env});
  const enter = async (entered: Entered) => {
    const {line, answers} = typeof entered === 'string' ? {line: entered, answers: []} : entered;
    const before = statSync(prompts).size;
    terminal.enter(line);
    for (const [pattern, answer] of answers) {
      await terminal.shows(pattern, waitingMs);
      terminal.enter(typeof answer === 'string' ? answer : answer());
    }
    await until(`"${line}" has ended`, () => statSync(prompts).size > before, {
      withinMs: waitingMs,
      seen: () => terminal.screen(true),
    });
    await terminal.shows(/\$ ?\n*$/, waitingMs);
  };
  return {
    path: terminal.path,
    record: async (folder, lines) => {
      await enter(`cd ${folder}; clear`);
      await clearHistory(terminal);
      for (const line of lines) await enter(line);
      return withoutChance(terminal.screen(true), user);
    },
    close: () => terminal.close(),
  };
}

async function clearHistory(terminal: TestTerminal): Promise<void> {
  await until('the terminal is empty', () => /^\$ ?\n*$/.test(terminal.screen(true)));
}

/** What differs from run to run, machine to machine and version to version. */
function withoutChance(screen: string, user: BedUser): string {
  return `${screen
    .replace(/\n\$\s*$/, '')
    .replaceAll(user.name, 'you')
    .replaceAll(install().folder, '/opt/tazpod')
    .replace(/tazpod\/\S+ linux-\S+ node-\S+/, 'tazpod/VERSION linux-ARCH node-VERSION')
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'UUID')
    .replace(/^(✔ .*)(?::|,) \d+\.\d s$/gm, '$1')
    .replace(/^(processes +)\d[\d ]*$/m, '$1NUMBERS')
    .replace(/\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?\S*/g, 'TIME')
    .replace(/ +$/gm, '')
    .trimEnd()}\n`;
}
