import {closeSync, existsSync, openSync} from 'node:fs';
import {expect} from 'chai';
import {tryLockExclusive} from '../../src/kernel/file-lock.ts';
import {type ProcessIdentity} from '../../src/kernel/process.ts';
import {readProcessStat} from '../../src/kernel/process-record.ts';
import {must} from '../bed/elsewhere.ts';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {ownVault, withOwnVault} from '../bed/own-vault.ts';
import {processTree} from '../bed/process-tree.ts';
import {startTazpod, tazpod} from '../bed/run.ts';
import {runningVault} from '../bed/session.ts';
import {atGhostPrompt, openTerminal, type TestTerminal} from '../bed/terminal.ts';
import {until} from '../bed/until.ts';
import type {BedUser} from '../bed/user.ts';
import {makeVault, planVault, quickKdf, type TestVault} from '../bed/vault.ts';

const isCryptsetup = ({pid}: ProcessIdentity) => readProcessStat(pid)?.comm === 'cryptsetup';

describe('On a terminal', () => {
  let owner: BedUser;
  let vault: TestVault;
  let terminal: TestTerminal;

  before(async function () {
    ({owner, vault} = await ownVault(this));
  });

  beforeEach(async () => {
    terminal = await openTerminal(owner);
  });

  afterEach(async () => {
    await expectNothingLeft(vault, {terminal: terminal.path});
    terminal.close();
  });

  /** Types `tazpod unlock` and what shows its exit code. */
  const unlock = (image = vault.image) => terminal.enter(`tazpod unlock --image ${image}; echo "code=$?"`);

  async function enterGhost(): Promise<void> {
    terminal.enter(`tazpod unlock ${vault.flags.join(' ')}; echo "code=$?"`);
    await terminal.shows(atGhostPrompt);
  }

  async function leaveGhost(): Promise<void> {
    terminal.enter('exit 0');
    await terminal.shows(/^code=0$/m);
  }

  async function expectManners(): Promise<void> {
    terminal.enter('stty -a');
    const [, modes] = await terminal.shows(/(isig icanon[^]*)^outside> ?$/m);
    expect(modes)
      .to.match(/ echo /)
      .and.not.to.match(/-icanon|-isig|-echo /);
  }

  it('three wrong passphrases are enough: 77', async () => {
    unlock();
    for (const attempt of [1, 2, 3]) {
      await terminal.shows(new RegExp(`(Passphrase for[^]*){${attempt}}`));
      terminal.enter(`wrong ${attempt}`);
    }
    await terminal.shows(/passphrase or key is wrong[^]*^code=77$/m);
    expect(terminal.screen(true)).not.to.match(/wrong [123]/);
    await expectManners();
  });

  it('the second try may be right', async () => {
    unlock();
    await terminal.shows(/Passphrase for/);
    terminal.enter('wrong');
    await terminal.shows(/(Passphrase for[^]*){2}/);
    terminal.enter(vault.passphrase);
    await terminal.shows(atGhostPrompt);
    await leaveGhost();
    await expectManners();
  });

  it('Ctrl-U takes back what was typed, as at every prompt', async () => {
    unlock();
    await terminal.shows(/Passphrase for/);
    terminal.type('mistyped');
    terminal.press('C-u');
    terminal.enter(vault.passphrase);
    await terminal.shows(atGhostPrompt);
    await leaveGhost();
  });

  it('Ctrl-C at the prompt ends with 130, with nothing done', async () => {
    terminal.enter(`tazpod unlock --image ${vault.image}`);
    await terminal.shows(/Passphrase for/);
    terminal.type('half a pass');
    terminal.press('C-c');
    await terminal.shows(/Passphrase for[^]*^outside> ?$/m);
    terminal.enter('echo "code=$?"');
    await terminal.shows(/^code=130$/m);
    await expectManners();
  });

  it('Ctrl-C during the steps ends with 130, with nothing done: a wait for the lock, and a key derivation', async () => {
    const enter = () => terminal.enter(`tazpod unlock ${vault.flags.join(' ')}; echo "code=$?"`);
    const held = openSync(vault.image, 'r');
    try {
      expect(await tryLockExclusive(held)).to.equal(true);
      enter();
      await terminal.shows(/waiting up to 30 s/);
      terminal.press('C-c');
      await terminal.shows(/^code=130$/m);
    } finally {
      closeSync(held);
    }
    await expectManners();
    await expectNothingLeft(vault, {terminal: terminal.path});

    const slow = await makeVault(owner);
    must(
      'cryptsetup',
      [
        ...['luksConvertKey', '--batch-mode', '--key-file', '-', '--pbkdf', 'pbkdf2'],
        ...['--pbkdf-force-iterations', '30000000', slow.image],
      ],
      slow.passphrase,
    );
    terminal.clear();
    terminal.enter(`tazpod unlock ${slow.flags.join(' ')}; echo "code=$?"`);
    await until('the key is derived', () => processTree(terminal.shellPid).some(isCryptsetup));
    terminal.press('C-c');
    await terminal.shows(/^code=130$/m);
    await expectManners();
    await expectNothingLeft(slow, {terminal: terminal.path});
  });

  it('the shell is the user’s own, in the directory where it was asked for, on a terminal of its own', async () => {
    terminal.enter('cd /usr/share');
    await enterGhost();
    terminal.enter('echo "$0 $PWD $(tty) $(id -un)"');
    await terminal.shows(new RegExp(`^/bin/bash /usr/share /dev/pts/0 ${owner.name}$`, 'm'));
    await leaveGhost();
    terminal.enter(`SHELL=/bin/sh tazpod unlock ${vault.flags.join(' ')}; echo "code=$?"`);
    await terminal.shows(/^\(ghost\) \$ $/m);
    terminal.enter('echo "shell $0"; exit 9');
    await terminal.shows(/^shell \/bin\/sh$[^]*^code=9$/m);
  });

  it('Ctrl-C, Ctrl-Z and fg reach the shell’s jobs and not TazPod', async () => {
    await enterGhost();
    terminal.enter('sleep 50');
    terminal.press('C-c');
    await terminal.shows(/\^C\s+ghost> ?$/m);
    terminal.enter('echo "after=$?"; sleep 60');
    await terminal.shows(/^after=130$/m);
    terminal.press('C-z');
    await terminal.shows(/Stopped\s+sleep 60\s+ghost> ?$/m);
    terminal.enter('fg');
    await terminal.shows(/^sleep 60$/m);
    terminal.press('C-c');
    await terminal.shows(/sleep 60\n\^C\s+ghost> ?$/m);
    terminal.press('C-d');
    await terminal.shows(/^code=/m);
  });

  it('the session learns of a new size of the window', async () => {
    await enterGhost();
    terminal.enter('stty size');
    await terminal.shows(/^40 120$/m);
    terminal.resize(91, 29);
    terminal.enter('while [ "$(stty size)" != "29 91" ]; do sleep 0.05; done; echo resized');
    await terminal.shows(/^resized$/m);
    await leaveGhost();
  });

  it('tmux works in the ghost, in the vault, and ends with it', async () => {
    await enterGhost();
    terminal.enter('tmux -f /dev/null');
    await terminal.shows(/\[0\] 0:bash/);
    await terminal.shows(atGhostPrompt);
    terminal.enter('echo "pane $TAZPOD_GHOST_MODE" > ~/secrets/from-tmux; cat ~/secrets/from-tmux');
    await terminal.shows(/^pane true$/m);
    terminal.press('C-b', 'd');
    await terminal.shows(/^\[detached/m);
    terminal.enter('tmux has-session && echo serving');
    await terminal.shows(/^serving$/m);
    await leaveGhost();
  });

  it('a closed window closes the vault', async () => {
    await enterGhost();
    expect(runningVault(vault)).not.to.be.undefined;
    terminal.close();
    await expectNothingLeft(vault);
    terminal = await openTerminal(owner);
  });

  it('unlock offers to make the vault that is not there', async () => {
    const missing = planVault(owner);
    const command = `tazpod unlock --image ${missing.image} --size 32M ${quickKdf.join(' ')}; echo "code=$?"`;
    terminal.enter(command);
    await terminal.shows(/There is no vault at [^]*Create one of 32 MiB\? \[Y\/n\]/);
    terminal.enter('n');
    await terminal.shows(/^code=66$/m);
    expect(existsSync(missing.image)).to.be.false;
    terminal.clear();
    terminal.enter(command);
    await terminal.shows(/\[Y\/n\]/);
    terminal.enter('');
    await terminal.shows(/New passphrase for/);
    terminal.enter(missing.passphrase);
    await terminal.shows(/Repeat passphrase/);
    terminal.enter(missing.passphrase);
    await terminal.shows(atGhostPrompt);
    terminal.enter('echo kept > ~/secrets/kept');
    await leaveGhost();
    const read = await tazpod(owner, ['exec', ...missing.flags, '--', 'cat', `${owner.home}/secrets/kept`]);
    expect(read.stdout, read.stderr).to.equal('kept\n');
  });

  it('the steps are drawn, and gone from the way of the shell', async () => {
    await enterGhost();
    const screen = terminal.screen(true);
    for (const step of [/✔ Vet the LUKS2 header/, /✔ Attach the encrypted device/, /✔ Seal the session/]) {
      expect(screen).to.match(step);
    }
    await leaveGhost();
    await terminal.shows(/✔ Detach the device[^]*^outside> ?$/m);
  });
});

describe('Without a terminal', () => {
  let owner: BedUser;
  let vault: TestVault;

  withOwnVault((own) => ({owner, vault} = own));

  it('unlock reads its commands from standard input and returns the shell’s code', async () => {
    const {code, stdout} = await tazpod(owner, ['unlock', ...vault.flags], {
      stdin: 'echo one > ~/secrets/file\ncat ~/secrets/file\nexit 6\n',
    });
    expect({code, stdout}).to.deep.equal({code: 6, stdout: 'one\n'});
  });

  it('unlock needs a passphrase file, and says so', async () => {
    const {code, stderr} = await tazpod(owner, ['unlock', '--image', vault.image]);
    expect(code).to.equal(64);
    expect(stderr).to.match(/TazPod cannot ask for the passphrase: there is no terminal\.[^]*--passphrase-file/);
  });

  it('each step is a line when it is done', async () => {
    const {stderr} = await tazpod(owner, ['unlock', ...vault.flags]);
    const lines = stderr.trimEnd().split('\n');
    expect(lines[0]).to.match(/^✔ Enter a private mount namespace/);
    expect(lines.at(-1)).to.match(/^✔ Detach the device/);
    expect(
      lines.every((line) => /^[✔-] /.test(line)),
      stderr,
    ).to.be.true;
  });

  it('--debug names every program that was called', async () => {
    const {stderr} = await tazpod(owner, ['unlock', '--debug', ...vault.flags]);
    for (const program of ['mount', 'losetup', 'unshare']) {
      expect(stderr).to.match(new RegExp(`^\\+ /usr/s?bin/${program} `, 'm'));
    }
    // This one is called through the programs that take its powers away.
    expect(stderr).to.match(/^\+ .* \/usr\/s?bin\/e2fsck -p /m);
  });

  it('a session that outlives its standard input goes on', async () => {
    const running = startTazpod(owner, ['unlock', ...vault.flags]);
    running.type('sleep 0.3; echo done\n');
    running.child.stdin!.end();
    expect(await running.ended).to.include({code: 0, stdout: 'done\n'});
  });
});
