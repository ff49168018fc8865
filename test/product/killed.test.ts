import {randomBytes} from 'node:crypto';
import {expect} from 'chai';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {ownVault} from '../bed/own-vault.ts';
import {kill, processTree, type Role, roles, type TreeProcess, untilDead} from '../bed/process-tree.ts';
import {tazpod} from '../bed/run.ts';
import {openSession} from '../bed/session.ts';
import {atGhostPrompt, atPrompt, openTerminal, type TestTerminal} from '../bed/terminal.ts';
import type {BedUser} from '../bed/user.ts';
import type {TestVault} from '../bed/vault.ts';

/** The ways to kill everything: who dies last finds the others' work undone. */
const orders: Readonly<Record<string, (tree: TreeProcess[]) => TreeProcess[]>> = {
  'parents before their children': (tree) => tree,
  'children before their parents': (tree) => tree.toReversed(),
  'the ghost last': (tree) => [...without(tree, 'the ghost'), ...only(tree, 'the ghost')],
  'the block server last': (tree) => [...without(tree, 'the block server'), ...only(tree, 'the block server')],
};

const only = (tree: TreeProcess[], role: Role) => tree.filter((process) => process.role === role);
const without = (tree: TreeProcess[], role: Role) => tree.filter((process) => process.role !== role);

describe('After SIGKILL', () => {
  let owner: BedUser;
  let vault: TestVault;
  let terminal: TestTerminal;
  /** What the last session has synced. */
  let token = '';

  before(async function () {
    ({owner, vault} = await ownVault(this));
  });

  beforeEach(async () => {
    terminal = await openTerminal(owner);
  });

  afterEach(() => {
    terminal.close();
  });

  /** Opens the vault on the terminal, finds what the session before has synced, and syncs something new. */
  async function openAndSync(): Promise<TreeProcess[]> {
    terminal.enter(`tazpod unlock ${vault.flags.join(' ')}`);
    await terminal.shows(atGhostPrompt);
    if (token !== '') {
      terminal.enter('cat ~/secrets/synced');
      await terminal.shows(new RegExp(`^${token}$`, 'm'));
    }
    token = randomBytes(8).toString('hex');
    terminal.enter(`echo ${token} > ~/secrets/synced && sync ~/secrets/synced && echo sync"ed"`);
    await terminal.shows(/^synced$/m);
    return processTree(terminal.shellPid).slice(1);
  }

  it('the test knows every process of an open vault', async () => {
    const tree = await openAndSync();
    expect(tree.filter(({role}) => role === undefined).map(({command}) => command)).to.deep.equal([]);
    expect(new Set(tree.map(({role}) => role))).to.deep.equal(new Set(Object.keys(roles)));
    terminal.enter('exit');
    await terminal.shows(atPrompt);
    await expectNothingLeft(vault, {processes: tree, terminal: terminal.path});
  });

  for (const role of Object.keys(roles) as Role[]) {
    const ends = role === "the terminal's guard" ? 'another takes its place' : 'nothing is left within two seconds';
    it(`of ${role} alone ${ends}, and what was synced is there`, async () => {
      const tree = await openAndSync();
      const [target] = only(tree, role);
      kill(target!);
      if (role === "the terminal's guard") {
        await untilDead(target!);
        expect(terminal.owner()).to.equal('0 600');
        terminal.enter('echo "still $TAZPOD_GHOST_MODE"; exit');
        await terminal.shows(/^still true$/m);
      }
      await expectNothingLeft(vault, {
        processes: tree,
        terminal: terminal.path,
        ...(role === "the terminal's guard" ? {withinMs: 10_000} : {}),
      });
      // The shell outside has its terminal back, and the terminal its manners.
      terminal.enter('echo "usable $((40 + 2))"');
      await terminal.shows(/^usable 42$/m);
    });
  }

  for (const [order, sort] of Object.entries(orders)) {
    it(`of everything, ${order}, nothing is left within two seconds, and what was synced is there`, async () => {
      const tree = await openAndSync();
      for (const process of sort(tree)) kill(process);
      // Nobody is left who could give the terminal back: see the argument in src/ghost/session/terminal.ts.
      await expectNothingLeft(vault, {processes: tree});
    });

    it(`of everything, ${order} and each when the one before is dead, nothing is left either`, async () => {
      const session = await openSession(vault);
      const tree = sort(processTree(session.unlock.pid));
      // A stopped process cannot tidy up when it learns of the death of another.
      for (const process of tree) kill(process, 'SIGSTOP');
      for (const process of tree) {
        kill(process);
        // With the block server stopped, a process that unmounts waits for it; so only some can be waited for.
        await untilDead(process, 300).catch(() => {});
      }
      await expectNothingLeft(vault, {processes: tree});
    });
  }

  it('of everything but the guard, the guard gives the terminal back', async () => {
    const tree = await openAndSync();
    expect(terminal.owner()).to.equal('0 600');
    for (const process of without(tree, "the terminal's guard")) kill(process);
    await expectNothingLeft(vault, {processes: tree, terminal: terminal.path});
    expect(terminal.owner()).to.match(new RegExp(`^${owner.uid} `));
  });

  it('the vault opens again, clean, with what was synced', async () => {
    const {code, stdout, stderr} = await tazpod(owner, [
      'exec',
      ...vault.flags,
      '--',
      'cat',
      `${owner.home}/secrets/synced`,
    ]);
    expect({code, stdout}, stderr).to.deep.equal({code: 0, stdout: `${token}\n`});
    await expectNothingLeft(vault);
  });
});
