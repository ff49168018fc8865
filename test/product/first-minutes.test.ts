import {existsSync, mkdirSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {expect} from 'chai';
import {allowSudo} from '../bed/install.ts';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {ownVault} from '../bed/own-vault.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {openTerminal, type TestTerminal} from '../bed/terminal.ts';
import {type BedUser, givePassword} from '../bed/user.ts';
import {planVault, type TestVault} from '../bed/vault.ts';

/** A user with a prompt of their own, who has installed nothing into a shell. */
const bashrc = "unset HISTFILE\nPS1='here> '\n";
const here = /^here> ?$/m;
const inside = /^\(ghost\) here> ?$/m;
const strong = 'orange kettle planet dust';

/** As a first user sees it: a terminal of 80x24, and sudo as Debian ships it. */
describe('The first ten minutes', function () {
  this.timeout(180_000);
  let owner: BedUser;
  let vault: TestVault;
  let terminal: TestTerminal;

  before(async function () {
    ({owner, vault} = await ownVault(this));
    writeAs(owner, join(owner.home, '.bashrc'), bashrc);
  });

  const small = {columns: 80, rows: 24, prompt: here, env: {LANG: 'C.UTF-8', TAZPOD_SIZE: '32M'}};

  beforeEach(async () => {
    terminal = await openTerminal(owner, {...small, cwd: dirname(vault.passphraseFile)});
  });

  afterEach(async () => {
    terminal.close();
    await expectNothingLeft(vault);
  });

  async function enterVault(flags = ''): Promise<void> {
    terminal.enter(`tazpod unlock ${flags} --passphrase-file passphrase; echo "code=$?"`);
    await terminal.shows(inside);
  }

  /** No line of the screen was broken in mid-word: each ends before the last column. */
  function expectWholeWords(shown: TestTerminal): void {
    expect(
      shown
        .screen(true)
        .split('\n')
        .filter((line) => line.length >= 80),
    ).to.deep.equal([]);
  }

  it('begin with "tazpod" in an empty directory, and a new vault with a passphrase worth having', async () => {
    const missing = planVault(owner);
    const password = givePassword(owner);
    const ask = allowSudo(owner, {kind: 'password'});
    try {
      terminal.enter(`cd ${dirname(missing.passphraseFile)}; clear`);
      await terminal.shows(here);
      terminal.enter('tazpod; echo "code=$?"');
      await terminal.shows(/There is no vault at\s[^]*Create\s+one\s+of\s+32\s+MiB\?\s+\[Y\/n\] ?$/m);
      terminal.enter('');
      await terminal.shows(/\[sudo\] Login password of /);
      terminal.enter(password);
      await terminal.shows(/^New passphrase for [^]*: ?$/m);
      terminal.enter('');
      await terminal.shows(/The passphrase is empty\. Try again\.\nNew passphrase for/);
      terminal.enter('michael1987');
      await terminal.shows(
        /This passphrase is weak: about 10\^4 guesses find it\.[^]*^Enter a better one, or the same one again/m,
        60_000,
      );
      terminal.enter(strong);
      await terminal.shows(/^Repeat passphrase: ?$/m, 60_000);
      terminal.enter('mistyped');
      await terminal.shows(/The passphrases do not match\. Try again\.\nNew passphrase for/);
      terminal.enter(strong);
      await terminal.shows(/(Repeat passphrase: [^]*){2}/, 60_000);
      terminal.enter(strong);
      await terminal.shows(inside, 60_000);
      terminal.enter('exit');
      await terminal.shows(/^code=0$/m);
      expect(existsSync(missing.image)).to.equal(true);
      const said = terminal.screen(true);
      for (const typed of ['michael1987', strong, 'mistyped', password]) expect(said).not.to.include(typed);
      expectWholeWords(terminal);
    } finally {
      ask();
      allowSudo(owner);
    }
    await expectNothingLeft(missing);
  });

  it('use a weak passphrase only if it is typed again', async () => {
    const missing = planVault(owner);
    terminal.enter(`tazpod vault create --image ${missing.image} --pbkdf pbkdf2; echo "code=$?"`);
    await terminal.shows(/^New passphrase for/m);
    terminal.enter('michael1987');
    await terminal.shows(/^Enter a better one, or the same one again/m, 60_000);
    terminal.enter('michael1987');
    await terminal.shows(/^code=0$/m, 60_000);
    // Nothing was mounted, so no step of its end is shown.
    expect(terminal.screen(true))
      .to.match(/Give the image its name[^]*^Created /m)
      .and.not.to.match(/Unmount|Detach/);
  });

  it('go on with a line that says where one is, a mark in the prompt, and a status that knows it', async () => {
    await enterVault();
    const name = dirname(vault.passphraseFile).slice(owner.home.length);
    expect(terminal.screen()).to.include(`Vault ~${name} is open at ~/secrets. Leave: exit. State: tazpod status.`);
    terminal.clear();
    terminal.enter('tazpod');
    await terminal.shows(/^state +open, and this shell is inside$/m);
    terminal.enter('echo "mode=$TAZPOD_GHOST_MODE vault=$TAZPOD_VAULT"; false');
    await terminal.shows(new RegExp(`^mode=true vault=${vault.mountPoint}$`, 'm'));
    // The mark leaves the last exit code alone.
    terminal.enter('echo "last=$?"');
    await terminal.shows(/^last=1$/m);
    for (const program of ['sudo', 'su', 'doas', 'pkexec']) {
      terminal.clear();
      terminal.enter(`${program} true`);
      await terminal.shows(
        new RegExp(`^${program} cannot work inside a ghost: no program in it can become root\\.`, 'm'),
      );
    }
    terminal.clear();
    terminal.enter('tazpod unlock; echo "code=$?"');
    await terminal.shows(/^error: This shell is already inside the vault\.[^]*Next: tazpod status[^]*^code=64$/m);
    terminal.enter('exit 0');
    await terminal.shows(/✔ Detach the device[^]*^code=0$/m);
    expectWholeWords(terminal);
  });

  it('are as quiet as one wants', async () => {
    terminal.enter('tazpod unlock --quiet --passphrase-file passphrase; echo "code=$?"');
    await terminal.shows(/passphrase; echo "code=\$\?"\nhere> ?$/m);
    expect(terminal.screen().trimEnd().split('\n')).to.have.length(2);
    terminal.enter('echo "mode=$TAZPOD_GHOST_MODE"');
    await terminal.shows(/^mode=true$/m);
    terminal.enter('exit 0');
    await terminal.shows(/^code=0$/m);
    expect(terminal.screen()).not.to.match(/[✔↓]/);
    terminal.clear();
    terminal.enter('TAZPOD_PROMPT_MARK="<in> " tazpod unlock --passphrase-file passphrase; echo "code=$?"');
    await terminal.shows(/^<in> here> ?$/m);
    terminal.enter('exit 0');
    await terminal.shows(/^code=0$/m);
  });

  const shells = {
    zsh: {startUp: ['.zshrc', "PS1='mine> '\n"], prompt: /^\(ghost\) mine> ?$/m},
    fish: {
      startUp: ['.config/fish/config.fish', 'function fish_prompt; echo -n "mine> "; end\n'],
      prompt: /^\(ghost\) mine> ?$/m,
    },
    dash: {startUp: undefined, prompt: /^\(ghost\) \$ ?$/m},
  } as const;
  for (const [shell, {startUp, prompt}] of Object.entries(shells)) {
    it(`mark the prompt of ${shell} too, and leave its start-up files as they are`, async () => {
      if (startUp !== undefined) {
        const path = join(owner.home, startUp[0]);
        mkdirSync(dirname(path), {recursive: true});
        chownTo(owner, dirname(path));
        if (startUp[0].startsWith('.config/')) chownTo(owner, join(owner.home, '.config'));
        writeAs(owner, path, startUp[1]);
      }
      terminal.enter(`SHELL=/usr/bin/${shell} tazpod unlock --passphrase-file passphrase; echo "code=$?"`);
      await terminal.shows(prompt);
      if (shell !== 'dash') {
        terminal.enter('sudo true');
        await terminal.shows(/^sudo cannot work inside a ghost/m);
      }
      terminal.enter(
        'echo "zdotdir=${ZDOTDIR-none}"'.replace(
          shell === 'fish' ? '${ZDOTDIR-none}' : '',
          shell === 'fish' ? 'none' : '',
        ),
      );
      await terminal.shows(/^zdotdir=none$/m);
      terminal.enter('exit 0');
      await terminal.shows(/^code=0$/m);
    });
  }

  it('have a second terminal that joins, and a third that locks from elsewhere and says why', async () => {
    await enterVault();
    // A full-screen program: another screen, mouse reports, no cursor.
    terminal.enter("printf '\\033[?1049h\\033[?1000;1006h\\033[?25l\\033[?2004h'; echo full-screen; sleep 1000");
    await terminal.shows(/^full-screen$/m);
    expect(terminal.modes()).to.equal('alternate=1 mouse=1 cursor=0');
    const second = await openTerminal(owner, {...small, cwd: dirname(vault.passphraseFile)});
    const third = await openTerminal(owner, {...small, cwd: owner.home});
    try {
      second.enter('tazpod; echo "code=$?"');
      await second.shows(/^The vault is already open in one shell\.[^]*^Passphrase for/m);
      second.enter(vault.passphrase);
      await second.shows(inside);
      second.clear();
      second.enter('exit 0');
      await second.shows(/^The vault \S+ is\s+still\s+open\s+in\s+one\s+shell\.[^]*^code=0$/m);
      // It has mounted nothing, and takes nothing down.
      expect(second.screen()).not.to.match(/Unmount|Detach/);
      second.enter('tazpod');
      await second.shows(/^Passphrase for/m);
      second.enter(vault.passphrase);
      await second.shows(inside);

      third.enter('tazpod lock; echo "code=$?"');
      await third.shows(/^error: There is no vault at [^]*Open now:[^]*^code=66$/m);
      expect(third.screen().replaceAll(/ \\?\n +/g, ' ')).to.include(`Next: tazpod lock --image ${vault.image}`);
      third.clear();
      third.enter('tazpod lock --all; echo "code=$?"');
      await third.shows(/^code=0$/m);
      expect(third.screen().replaceAll(/\s+/g, ' ')).to.include('The vault is closed. It was open in 2 shells.');
      await second.shows(/^warning: The vault was locked with "tazpod lock"\.$/m);
      await terminal.shows(/^warning: The vault was locked with "tazpod lock"\.[^]*^code=79$/m);
      expect(terminal.modes()).to.equal('alternate=0 mouse=0 cursor=1');
      // The line of the shell is where the program was started, not at the top of the screen.
      expect(terminal.screen()).to.match(/here> tazpod unlock[^]*^code=79\nhere> ?$/m);
      third.clear();
      third.enter('tazpod lock --all; echo "code=$?"');
      await third.shows(/^No vault is open\.\ncode=0$/m);
    } finally {
      second.close();
      third.close();
    }
  });

  it('say nothing of a vault that was not open', async () => {
    terminal.enter('tazpod unlock; echo "code=$?"');
    await terminal.shows(/^Passphrase for/m);
    terminal.press('C-c');
    await terminal.shows(/^here> ?$/m);
    expect(terminal.screen()).not.to.match(/End the sessions|Unmount|Detach/);
    terminal.clear();
    terminal.enter('echo wrong > wrong; tazpod unlock --passphrase-file wrong; echo "code=$?"');
    await terminal.shows(/^code=77$/m);
    expect(terminal.screen()).not.to.match(/End the sessions|Unmount|Detach/);
  });
});
