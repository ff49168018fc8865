import {spawnSync} from 'node:child_process';
import {join} from 'node:path';
import {expect} from 'chai';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {chownTo} from '../bed/ownership.ts';
import {kill, processTree, type TreeProcess} from '../bed/process-tree.ts';
import {startAs} from '../bed/run.ts';
import {runningVault} from '../bed/session.ts';
import {atGhostPrompt, atPrompt, openTerminal, type TestTerminal} from '../bed/terminal.ts';
import {until} from '../bed/until.ts';
import type {BedUser} from '../bed/user.ts';
import {makeVault, type TestVault} from '../bed/vault.ts';
import {type Row, testRows} from './matrix.ts';
import type {Seen} from './seen.ts';

const typed = 'abcdefghijklmnopqrstuvw';

describe('Two ghosts on one terminal', () => {
  let user: BedUser;
  let background: TestVault;
  let foreground: TestVault;
  let terminal: TestTerminal;
  let cue: string;

  before(async function () {
    needsRoot(this);
    user = makeOwner();
    background = await makeVault(user);
    foreground = await makeVault(user, {mountPoint: join(user.home, 'other')});
    cue = join(user.home, 'cue');
    spawnSync('mkfifo', [cue]);
    chownTo(user, cue);
  });

  beforeEach(async () => {
    terminal = await openTerminal(user);
  });

  afterEach(async () => {
    for (const vault of [background, foreground]) await expectNothingLeft(vault, {terminal: terminal.path});
    terminal.close();
  });

  /** A command in the background that ends at a cue, and a shell in the foreground. */
  async function openBoth(): Promise<void> {
    terminal.enter(`tazpod exec ${background.flags.join(' ')} -- sh -c 'touch ~/runs; read -r go < ~/cue' &`);
    await until('the terminal is taken', () => terminal.owner() === '0 600');
    terminal.enter(`tazpod unlock ${foreground.flags.join(' ')}`);
    await terminal.shows(atGhostPrompt);
  }

  async function endBackground(): Promise<void> {
    startAs(user, ['sh', '-c', `echo go > ${cue}`]);
    await untilOneIsLeft();
  }

  function ghosts(): TreeProcess[] {
    return processTree(terminal.shellPid).filter(({role}) => role === 'the ghost');
  }

  async function untilOneIsLeft(): Promise<void> {
    await until('one ghost is left', () => ghosts().length === 1 && runningVault(background) === undefined);
  }

  /** How many of the characters that are typed now another process of the user reads. */
  async function stolen(): Promise<number> {
    const script = `exec 3<>${terminal.path} || exit 1; echo ready; exec dd bs=1 count=100 <&3 2>/dev/null`;
    const thief = startAs(user, ['bash', '-c', script]);
    await Promise.race([thief.seen(/ready/), thief.ended]);
    for (const character of typed) terminal.type(character);
    await until('what was typed is on the screen, or with the thief', () => {
      const shown =
        terminal
          .screen()
          .split('\n')
          .findLast((line) => /> /.test(line)) ?? '';
      return shown.length + thief.stdout().length > typed.length;
    }).catch(() => {});
    thief.child.kill('SIGKILL');
    await thief.ended;
    terminal.press('C-c');
    return thief.stdout().replace('ready\n', '').length;
  }

  /** Ends the one that is left, and leaves the terminal to its user. */
  async function endForeground(): Promise<void> {
    terminal.enter('exit');
    await terminal.shows(atPrompt);
    await until('the terminal is given back', () => !/^0 /.test(terminal.owner()));
  }

  async function read(): Promise<Seen> {
    const owner = terminal.owner();
    const count = await stolen();
    return {got: count > 0 || owner !== '0 600', what: `${count} characters, of a terminal of ${owner}`};
  }

  const rows: readonly Row<undefined>[] = [
    {
      attack: 'reads what is typed at a terminal that two ghosts have, after the first of them has ended',
      expected: 'refused',
      without: 'a ghost on the terminal',
      async run() {
        const before = terminal.owner();
        await openBoth();
        await endBackground();
        const seen = await read();
        await endForeground();
        expect(terminal.owner()).to.equal(before);
        return seen;
      },
      async control() {
        terminal.enter('stty -icanon; echo ready""; cat >/dev/null');
        await terminal.shows(/^ready$/m);
        const count = await stolen();
        return {got: count > 0, what: `${count} characters`};
      },
    },
    {
      attack: 'reads it after the first of them was killed together with the guard of the terminal',
      expected: 'refused',
      without: 'No control: it is that of the row above',
      async run() {
        await openBoth();
        const [first] = ghosts().sort((one, other) => one.startTicks - other.startTicks);
        const guard = processTree(first!.pid).find(({role}) => role === "the terminal's guard");
        kill(first!);
        kill(guard!);
        await untilOneIsLeft();
        const seen = await read();
        await endForeground();
        return seen;
      },
    },
  ];
  testRows('Two ghosts on one terminal', rows, () => undefined);
});
