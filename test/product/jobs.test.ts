import {existsSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {readProcessStat} from '../../src/kernel/process-record.ts';
import {allowSudo} from '../bed/install.ts';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {processTree} from '../bed/process-tree.ts';
import {atGhostPrompt, atPrompt, openTerminal, type TestTerminal} from '../bed/terminal.ts';
import {until} from '../bed/until.ts';
import type {BedUser} from '../bed/user.ts';
import {makeVault, type TestVault} from '../bed/vault.ts';

const stoppedJob = /^\[1\]\+ +Stopped[^]*^outside> ?$/m;

for (const {kind, title} of [
  {kind: 'no password', title: 'where sudo gives the ghost a terminal of its own (Debian’s use_pty)'},
  {kind: 'doctor', title: 'where sudo does not (use_pty switched off)'},
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
      // Without a relay of ours or of sudo's it is a job like any other.
      if (kind === 'doctor' && more !== '') continue;

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

      // Without a terminal of sudo's, the relay has to put the user's in order at its end, and waits for fg with that.
      const relayWaits = kind === 'doctor' && more === '';
      it(`a command ${where} goes on in the background with bg${relayWaits ? ', and ends with fg' : ''}`, async () => {
        rmSync(join(owner.home, 'done'), {force: true});
        await start('sleep 1; echo done > ~/done', more);
        terminal.press('C-z');
        await terminal.shows(stoppedJob);
        terminal.enter(
          relayWaits ? 'bg; until [ -e ~/done ]; do sleep 0.1; done; fg; echo "code=$?"' : 'bg; wait; echo "code=$?"',
        );
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

    it('the ghost itself goes on while its session is stopped', async () => {
      await start('sleep 50', '> log');
      terminal.press('C-z');
      await terminal.shows(stoppedJob);
      const states = () => processTree(terminal.shellPid).filter(({role}) => role === 'the ghost');
      expect(states()).to.have.length(1);
      await until('the ghost goes on', () => !isStopped(states()[0]!.pid));
      terminal.enter('fg');
      await terminal.shows(/fg\n.*sleep 50/);
      terminal.press('C-c');
      await terminal.shows(/\^C\s*outside> ?$/m);
    });

    it('a shell in the vault that suspends itself is one more stopped job', async () => {
      terminal.enter('tazpod unlock $VAULT; echo "code=$?"');
      await terminal.shows(atGhostPrompt);
      terminal.enter('suspend');
      await terminal.shows(stoppedJob);
      await expectShell();
      terminal.enter('fg; echo "code=$?"');
      await terminal.shows(/^tazpod unlock/m);
      terminal.enter('tty; exit 4');
      await terminal.shows(/^\/dev\/pts\/0$[^]*^code=4$/m);
      await expectShell();
    });

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

function isStopped(pid: number): boolean {
  return readProcessStat(pid)?.state === 'T';
}
