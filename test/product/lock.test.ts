import {expect} from 'chai';
import {allowSudo} from '../bed/install.ts';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {withOwnVault} from '../bed/own-vault.ts';
import {tazpod} from '../bed/run.ts';
import {openSession, runningVault, type TestSession} from '../bed/session.ts';
import {atGhostPrompt, openTerminal} from '../bed/terminal.ts';
import {type BedUser, makeUser} from '../bed/user.ts';
import {makeVault, planVault, type TestVault} from '../bed/vault.ts';

describe('lock', () => {
  let owner: BedUser;
  let vault: TestVault;

  withOwnVault((own) => ({owner, vault} = own));

  const lock = (...flags: string[]) => tazpod(owner, ['lock', '--image', vault.image, ...flags]);

  /** Types a command that the session does not come back from before it is locked. */
  function occupy({unlock}: TestSession, command: string): Promise<unknown> {
    unlock.type(`${command}\n`);
    return unlock.seen(/^occupied$/m);
  }

  it('from another shell closes the vault, and the session’s own unlock returns 79', async () => {
    const session = await openSession(vault);
    const locked = await lock();
    expect(locked.code, locked.stderr).to.equal(0);
    expect(locked.stdout).to.equal('The vault is closed.\n');
    // The kernel was asked before lock returned.
    expect(runningVault(vault)).to.be.undefined;
    expect((await session.unlock.ended).code).to.equal(79);
  });

  it('inside the ghost does the same to itself', async () => {
    const session = await openSession(vault);
    session.unlock.type('tazpod lock; echo still here\n');
    const {code, stdout} = await session.unlock.ended;
    expect(code).to.equal(79);
    expect(stdout).not.to.match(/still here/);
  });

  it('inside a ghost on a terminal does so too, and gives the terminal back', async () => {
    const terminal = await openTerminal(owner);
    try {
      terminal.enter(`tazpod unlock ${vault.flags.join(' ')}; echo "code=$?"`);
      await terminal.shows(atGhostPrompt);
      terminal.enter('tazpod lock');
      await terminal.shows(/^code=79$/m);
      await expectNothingLeft(vault, {terminal: terminal.path});
    } finally {
      terminal.close();
    }
  });

  it('lets programs end by themselves within the grace time: SIGHUP comes first', async () => {
    const session = await openSession(vault);
    await occupy(
      session,
      `bash -c 'trap "sleep 0.3; echo saved > ~/secrets/saved; exit" HUP; echo occupied; while :; do sleep 0.05; done'`,
    );
    const {code, ms} = await lock('--grace', '100');
    expect(code).to.equal(0);
    expect(ms).to.be.below(90_000);
    expect((await session.unlock.ended).code).to.equal(79);
    const read = await tazpod(owner, ['exec', ...vault.flags, '--', 'cat', `${owner.home}/secrets/saved`]);
    expect(read.stdout).to.equal('saved\n');
  });

  it('kills what does not listen, after the grace time and not before', async () => {
    const session = await openSession(vault);
    // The shell too: it waits for its program.
    await occupy(session, `trap '' HUP; echo occupied; sleep 100`);
    const {code, ms} = await lock('--grace', '2');
    expect(code).to.equal(0);
    expect(ms).to.be.at.least(2000);
    expect((await session.unlock.ended).code).to.equal(79);
  });

  it('waits not at all with --grace 0', async () => {
    const session = await openSession(vault);
    await occupy(session, `trap '' HUP; echo occupied; sleep 100`);
    const {code} = await lock('--grace', '0');
    expect(code).to.equal(0);
    expect((await session.unlock.ended).code).to.equal(79);
  });

  it('of a vault that is not open says so, and returns 0', async () => {
    expect(await lock()).to.include({code: 0, stdout: 'The vault was not open.\n'});
  });

  it('of an image that is not there returns 66', async () => {
    expect((await tazpod(owner, ['lock', '--image', planVault(owner).image])).code).to.equal(66);
  });

  it('of another user’s vault is refused, and changes nothing', async () => {
    const other = makeUser();
    allowSudo(other);
    const session = await openSession(vault);
    const {code} = await tazpod(other, ['lock', '--image', vault.image]);
    expect(code).to.be.oneOf([66, 77]);
    expect((await session.ask('echo alive')).output).to.equal('alive\n');
    await session.leave();
  });

  it('closes this vault only', async () => {
    const other = await makeVault(owner, {mountPoint: `${owner.home}/other`});
    const sessions = [await openSession(vault), await openSession(other)];
    expect((await lock()).code).to.equal(0);
    expect((await sessions[0]!.unlock.ended).code).to.equal(79);
    expect((await sessions[1]!.ask('echo alive')).output).to.equal('alive\n');
    await sessions[1]!.leave();
  });

  it('is reported as JSON', async () => {
    const session = await openSession(vault);
    for (const wasOpen of [true, false]) {
      const {stdout, stderr} = await lock('--json');
      expect(JSON.parse(stdout), stderr).to.deep.equal({
        status: 0,
        result: {image: vault.image, wasOpen, ...(wasOpen ? {shells: 1} : {})},
        warnings: [],
      });
    }
    await session.unlock.ended;
  });
});
