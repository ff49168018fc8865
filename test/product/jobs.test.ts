import {existsSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {allowSudo} from '../bed/install.ts';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {atGhostPrompt, atPrompt, openTerminal, type TestTerminal} from '../bed/terminal.ts';
import {until} from '../bed/until.ts';
import type {BedUser} from '../bed/user.ts';
import {makeVault, type TestVault} from '../bed/vault.ts';

const stoppedJob = /^\[1\]\+ +Stopped[^]*^outside> ?$/m;

for (const {kind, title} of [
  {kind: 'no password', title: 'where sudo gives the ghost a terminal of its own (Debian’s use_pty)'},
] as const) {
  describe(`As a job of the user’s shell, ${title}`, () => {
    let owner: BedUser;
    let vault: TestVault;
    let terminal: TestTerminal;

    before(async function () {
      needsRoot(this);
      owner = makeOwner();
      allowSudo(owner, {kind});
      vault = await makeVault(owner);
    });

    beforeEach(async () => {
      terminal = await openTerminal(owner, {env: {VAULT: vault.flags.join(' ')}});
    });

    afterEach(async () => {
      await expectNothingLeft(vault, {terminal: terminal.path, withinMs: 5000});
      terminal.close();
    });

    /** Types a command that runs in the vault, and waits until it does. */
    async function start(command: string, more = ''): Promise<void> {
      const started = join(owner.home, 'started');
      rmSync(started, {force: true});
      terminal.enter(`tazpod exec $VAULT -- sh -c 'touch ~/started; ${command}' ${more}`);
      await until('the command runs', () => existsSync(started));
    }

    /** The shell answers, and its terminal is in order. */
    async function expectShell(): Promise<void> {
      terminal.clear();
      terminal.enter('stty -a | tr " ;" "\\n\\n" | grep -xE -e "-?(icanon|echo|isig|opost|icrnl)" | xargs; jobs');
      await terminal.shows(/^isig icanon echo icrnl opost$|^icrnl opost isig icanon echo$/m);
    }

    for (const [where, more] of [
      ['on the terminal', ''],
      ['with its output in a file', '> log'],
    ] as const) {
      it(`a command ${where} is stopped by Ctrl-Z, and goes on with fg to its own exit code`, async () => {
        await start('sleep 1; exit 5', more);
        terminal.press('C-z');
        await terminal.shows(stoppedJob);
        await expectShell();
        await terminal.shows(/Stopped/);
        terminal.enter('fg; echo "code=$?"');
        await terminal.shows(/^code=5$/m);
        await expectShell();
      });

      it(`a command ${where} goes on in the background with bg`, async () => {
        await start('sleep 1; echo done > ~/done', more);
        terminal.press('C-z');
        await terminal.shows(stoppedJob);
        terminal.enter('bg; wait; echo "code=$?"');
        await terminal.shows(/^code=0$/m);
        expect(existsSync(join(owner.home, 'done'))).to.be.true;
        await expectShell();
      });

      it(`a command ${where} runs in the background from the start, and nothing stops it`, async () => {
        await start('sleep 1', `${more} & wait; echo "code=$?"`);
        await terminal.shows(/^code=0$/m);
        expect(terminal.screen(true)).not.to.match(/Stopped/);
        await expectShell();
      });
    }

    it('Ctrl-Z at the prompt shows nothing of the passphrase, and fg asks again', async () => {
      terminal.enter(`tazpod unlock --image ${vault.image} --mount-point ${vault.mountPoint}; echo "code=$?"`);
      await terminal.shows(/^Passphrase for the vault /m);
      terminal.type('half a pass');
      terminal.press('C-z');
      await terminal.shows(stoppedJob);
      expect(terminal.screen(true)).not.to.match(/half|pass$/m);
      await expectShell();
      terminal.enter('fg; echo "code=$?"');
      await terminal.shows(/^Passphrase for the vault /m);
      terminal.enter(vault.passphrase);
      await terminal.shows(atGhostPrompt);
      expect(terminal.screen(true)).not.to.contain(vault.passphrase);
      terminal.enter('exit 6');
      await terminal.shows(/^code=6$/m);
    });

    for (const [key, code] of [
      ['C-c', 130],
      ['C-d', 130],
      ['C-\\', 131],
    ] as const) {
      it(`${key} at the prompt ends with ${code}, without a word of a bug`, async () => {
        terminal.enter(`tazpod unlock --image ${vault.image} --mount-point ${vault.mountPoint}`);
        await terminal.shows(/^Passphrase for the vault /m);
        terminal.press(key);
        await terminal.shows(/^Passphrase[^]*^outside> ?$/m);
        terminal.enter('echo "code=$?"');
        await terminal.shows(new RegExp(`^code=${code}$`, 'm'));
        expect(terminal.screen(true)).not.to.match(/bug|error|wrong/);
        await terminal.shows(atPrompt);
        await expectShell();
      });
    }
  });
}
