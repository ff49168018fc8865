import {chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {expect} from 'chai';
import {install} from '../bed/install.ts';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {ownVault} from '../bed/own-vault.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {givePlugins} from '../bed/plugins.ts';
import {tazpod} from '../bed/run.ts';
import {openTerminal, type TestTerminal} from '../bed/terminal.ts';
import {until} from '../bed/until.ts';
import type {BedUser} from '../bed/user.ts';
import type {TestVault} from '../bed/vault.ts';

/** What the shells have in common is the script below; what they do not have in common stands here. */
type ShellUnderTest = {
  readonly startUpFile: string;
  /** A start-up file with a plain prompt, without an end of its last line. */
  readonly startUp: string;
  readonly lastStatus: string;
  /** The command that gives a variable to the programs that are started. */
  readonly variable: (name: string, value: string) => string;
  /** The name of the file that a pull renders for it. */
  readonly environmentFile: string;
  /** The variable that leads to another start-up file, and that file, relative to what it names. */
  readonly elsewhere?: {readonly variable: string; readonly file: string};
};

const shells: Readonly<Record<string, ShellUnderTest>> = {
  bash: {
    startUpFile: '.bashrc',
    startUp: "unset HISTFILE\nbind 'set enable-bracketed-paste off'\nPS1='here> '",
    lastStatus: '$?',
    variable: (name, value) => `export ${name}='${value}'`,
    environmentFile: 'environment.sh',
  },
  zsh: {
    startUpFile: '.zshrc',
    startUp:
      "unset HISTFILE zle_bracketed_paste\nunsetopt prompt_sp\nautoload -U compinit; compinit -D -u\nPROMPT='here> '",
    lastStatus: '$?',
    variable: (name, value) => `export ${name}='${value}'`,
    environmentFile: 'environment.sh',
    elsewhere: {variable: 'ZDOTDIR', file: '.zshrc'},
  },
  fish: {
    startUpFile: '.config/fish/config.fish',
    startUp: "set -g fish_greeting\nset -g fish_autosuggestion_enabled 0\nfunction fish_prompt; echo -n 'here> '; end",
    lastStatus: '$status',
    variable: (name, value) => `set -gx ${name} '${value}'`,
    environmentFile: 'environment.fish',
    elsewhere: {variable: 'XDG_CONFIG_HOME', file: 'fish/config.fish'},
  },
};

const outside = /^here> ?$/m;
const inside = /^👻 here> ?$/mu;

for (const [name, shell] of Object.entries(shells)) {
  describe(`In ${name}`, function () {
    this.timeout(180_000);
    let owner: BedUser;
    let vault: TestVault;
    let startUpFile: string;
    let terminal: TestTerminal;

    before(async function () {
      ({owner, vault} = await ownVault(this));
      startUpFile = join(owner.home, shell.startUpFile);
      for (const folder of ['.config', dirname(shell.startUpFile), 'bin']) {
        mkdirSync(join(owner.home, folder), {recursive: true});
        chownTo(owner, join(owner.home, folder));
      }
      chownTo(owner, owner.home);
      writeAs(owner, startUpFile, shell.startUp);
      const program = writeAs(
        owner,
        join(owner.home, 'bin/gemini'),
        '#!/bin/sh\necho "the real one, ghost=$TAZPOD_GHOST_MODE:$#:$2"; [ -e ~/.gemini/memory ] || echo remembered >~/.gemini/memory\n',
      );
      chmodSync(program, 0o755);
      givePlugins(owner, `tazpod-${name}`, 'tazpod-gemini');
      const {code, stderr} = await tazpod(owner, ['shell', 'install', name]);
      expect(code, stderr).to.equal(0);
    });

    beforeEach(async () => {
      terminal = await openTerminal(owner, {
        shell: name,
        prompt: outside,
        env: {
          SHELL: `/usr/bin/${name}`,
          PATH: `${owner.home}/bin:${install().path}:/usr/bin:/bin`,
          TAZPOD_IMAGE: vault.image,
          TAZPOD_PASSPHRASE_FILE: vault.passphraseFile,
        },
      });
    });

    afterEach(async () => {
      terminal.close();
      // Fish's own, between shells of one user.
      rmSync(join(owner.runtimeFolder, 'fish_universal_variables.notifier'), {force: true});
      await expectNothingLeft(vault);
    });

    /** Types a command on an empty screen, and waits for what it shows and for the prompt behind that. */
    async function ask(line: string, pattern: RegExp, prompt: RegExp): Promise<void> {
      const mark = prompt === inside ? '👻 ' : '';
      await terminal.shows(new RegExp(`^${mark}here>\\s*$(?![^]*\\S)`, 'mu'));
      terminal.press('C-l');
      await terminal.shows(new RegExp(`^\\s*${mark}here>\\s*$`, 'u'));
      terminal.enter(line);
      await terminal.shows(new RegExp(`${pattern.source}[^]*${prompt.source}`, 'mu'));
    }

    const isDead = () => terminal.hasEnded();

    it('a latch explains outside and goes on if it may; inside it is not there; the last exit closes the terminal', async () => {
      terminal.enter('gemini');
      await terminal.shows(/Open the vault for it\? \[Y\/n\] ?$/m);
      expect(terminal.screen()).to.match(/^gemini runs inside the vault only: its memory lives in the vault\.$/m);
      terminal.enter('n');
      await terminal.shows(/\] n\s+here> ?$/m);
      await ask(`echo code=${shell.lastStatus}`, /^code=77$/m, outside);
      terminal.clear();
      terminal.enter("gemini --prompt 'two words'");
      await terminal.shows(/Open the vault for it\?/);
      terminal.enter('');
      await terminal.shows(/^the real one, ghost=true:2:two words$/m);
      await terminal.shows(/two words\s+here> ?$/m);
      terminal.enter('tazpod unlock');
      await terminal.shows(inside);
      await ask('gemini', /^the real one, ghost=true:0:$/m, inside);
      await ask('cat ~/.gemini/memory', /^remembered$/m, inside);
      terminal.enter('exit');
      await until('the terminal is closed', isDead, {seen: () => terminal.screen()});
    });

    it('the prompt has a mark inside, and a lock leaves the shell outside', async () => {
      terminal.enter('tazpod unlock');
      await terminal.shows(inside);
      terminal.enter('tazpod lock');
      await terminal.shows(/tazpod lock[^]*^here> ?$/m);
      await ask('echo "still=$TAZPOD_GHOST_MODE"', /^still=$/m, outside);
      expect(isDead()).to.equal(false);
    });

    it('what was pulled is in the environment of every shell inside, and `env` shows none of it', async () => {
      terminal.enter('tazpod unlock');
      await terminal.shows(inside);
      const folder = '$TAZPOD_VAULT/.tazpod/environment';
      terminal.enter(
        `mkdir -p ${folder}; echo "${shell.variable('TOKEN', 'secret value')}" >${folder}/${shell.environmentFile}`,
      );
      await ask('tazpod env', /^👻 here> tazpod env$/mu, inside);
      expect(terminal.screen()).not.to.include('secret value');
      await ask('echo "token=$TOKEN"', /^token=secret value$/m, inside);
      await ask(`${name} -i -c 'echo "again=$TOKEN"'`, /^again=secret value$/m, inside);
      terminal.enter('exit');
      await until('the terminal is closed', isDead, {seen: () => terminal.screen()});
    });

    it('words are completed', async () => {
      terminal.type('tazpod vault unlo');
      terminal.press('Tab');
      await terminal.shows(/tazpod vault unlock ?$/m);
      terminal.type('--mount');
      terminal.press('Tab');
      await terminal.shows(/tazpod vault unlock --mount-point/m);
      terminal.press('C-c');
      for (const [typed, completed] of [
        ['vault unlock --isolation s', 'vault unlock --isolation sealed'],
        ['exec --engine=f', 'exec --engine=fuse'],
        [`shell uninstall --json ${name.slice(0, 2)}`, `shell uninstall --json ${name}`],
      ]) {
        terminal.clear();
        terminal.type(`tazpod ${typed}`);
        terminal.press('Tab');
        await terminal.shows(new RegExp(`tazpod ${completed} ?$`, 'm'));
        terminal.press('C-c');
      }
    });

    const {elsewhere} = shell;
    if (elsewhere !== undefined) {
      it(`${elsewhere.variable} takes the block along to another start-up file, and back`, async () => {
        const installed = readFileSync(startUpFile, 'utf8');
        const folder = join(owner.home, 'elsewhere');
        const moved = await tazpod(owner, ['shell', 'install', name], {env: {[elsewhere.variable]: folder}});
        expect(moved.code, moved.stderr).to.equal(0);
        expect(readFileSync(startUpFile, 'utf8')).to.equal(shell.startUp);
        expect(readFileSync(join(folder, elsewhere.file), 'utf8')).to.match(/^# >>> tazpod >>> \(made this file\)\n/);
        const back = await tazpod(owner, ['shell', 'install', name]);
        expect(back.code, back.stderr).to.equal(0);
        expect(readFileSync(startUpFile, 'utf8')).to.equal(installed);
        expect(existsSync(join(folder, elsewhere.file))).to.equal(false);
      });
    }

    it('a shell takes everything of TazPod out again, byte for byte', async () => {
      const installed = readFileSync(startUpFile, 'utf8');
      expect(installed).to.include('# >>> tazpod >>>');
      const again = await tazpod(owner, ['shell', 'install', name]);
      expect(again.code, again.stderr).to.equal(0);
      expect(readFileSync(startUpFile, 'utf8')).to.equal(installed);
      expect((await tazpod(owner, ['plugins', 'uninstall', `tazpod-${name}`])).code).to.equal(0);
      const removed = await tazpod(owner, ['shell', 'uninstall', name]);
      expect(removed.code, removed.stderr).to.equal(0);
      expect(readFileSync(startUpFile, 'utf8')).to.equal(shell.startUp);
      expect(readdirSync(dirname(startUpFile)).filter((each) => each.includes('tazpod'))).to.deep.equal([]);
      const missing = await tazpod(owner, ['shell', 'init', name]);
      expect(missing.code).to.equal(69);
      expect(missing.stderr).to.include(`tazpod plugins install tazpod-${name}`);
      writeFileSync(startUpFile, shell.startUp);
    });
  });
}
