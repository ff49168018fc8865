import {dirname} from 'node:path';
import {expect} from 'chai';
import {allowSudo, type SudoRule} from '../bed/install.ts';
import {withOwnVault} from '../bed/own-vault.ts';
import {slowSudo} from '../bed/slow-sudo.ts';
import {atGhostPrompt, openTerminal, type TestTerminal} from '../bed/terminal.ts';
import {type BedUser, givePassword} from '../bed/user.ts';
import type {TestVault} from '../bed/vault.ts';

const opened = [
  '✔ Enter a private mount namespace',
  '✔ Take the lock of the vault',
  '✔ Vet the LUKS2 header',
  '✔ Unlock a key slot',
  '✔ Attach the encrypted device: fuse',
  '✔ Check the file system: clean',
  '✔ Mount the vault: by the kernel',
  '↓ Bridge directories of the home: none',
  '✔ Seal the session: sealed',
  '✔ Drop privileges and start the session',
];
const closed = ['✔ End the sessions', '✔ Unmount the vault', '✔ Detach the device and forget the key'];

/**
 * What tmux has drawn, and not the bytes that it was sent. `Defaults use_pty`, which Debian's sudoers file has, puts the
 * terminal into raw mode while the ghost runs.
 */
describe('The screen', () => {
  let owner: BedUser;
  let vault: TestVault;

  withOwnVault((own) => ({owner, vault} = own));

  async function withTerminal(columns: number, use: (terminal: TestTerminal) => Promise<void>): Promise<void> {
    const terminal = await openTerminal(owner, {columns, rows: 24, cwd: dirname(vault.passphraseFile)});
    try {
      // At the lower edge, where each new line scrolls the screen.
      terminal.enter('clear; for i in $(seq 20); do echo; done; alias u="tazpod unlock --passphrase-file passphrase"');
      await terminal.shows(/\n{20}outside> ?$/m);
      await use(terminal);
    } finally {
      terminal.close();
    }
  }

  const worlds: readonly {kind: NonNullable<SudoRule['kind']>; columns: number; title: string}[] = [
    {kind: 'no password', columns: 80, title: 'with Debian’s use_pty, at 80 columns'},
    {kind: 'no password', columns: 40, title: 'with Debian’s use_pty, at 40 columns'},
    {kind: 'password', columns: 80, title: 'with Debian’s use_pty and sudo’s own prompt'},
    {kind: 'doctor', columns: 40, title: 'without use_pty, at 40 columns'},
  ];
  for (const {kind, columns, title} of worlds) {
    it(`shows each step on a line of its own, from the left edge on, ${title}`, async () => {
      const password = kind === 'password' ? givePassword(owner) : undefined;
      allowSudo(owner, {kind});
      await withTerminal(columns, async (terminal) => {
        terminal.enter('u; echo "code=$?"');
        if (password !== undefined) {
          await terminal.shows(/password/);
          terminal.enter(password);
        }
        await terminal.shows(atGhostPrompt);
        terminal.enter('exit 3');
        await terminal.shows(/^code=3$/m);
        expect(stepsOn(terminal)).to.deep.equal([
          'outside> u; echo "code=$?"',
          ...opened,
          `Vault ~${dirname(vault.passphraseFile).slice(owner.home.length)} is open at ~/secrets. Leave: exit. State: tazpod status.`,
          'ghost> exit 3',
          'exit',
          ...closed,
          'code=3',
          'outside>',
        ]);
      });
    });
  }

  it('keeps a prompt and each step on a line of its own where sudo relays the ghost’s words late', async () => {
    allowSudo(owner);
    const terminal = await openTerminal(owner, {columns: 80, cwd: dirname(vault.passphraseFile), within: slowSudo});
    try {
      terminal.enter('tazpod unlock; echo "code=$?"');
      await terminal.shows(/^Passphrase for/m);
      terminal.enter('wrong');
      await terminal.shows(/^Passphrase for[^]*^Passphrase for/m);
      terminal.enter(vault.passphrase);
      await terminal.shows(atGhostPrompt);
      terminal.enter('exit');
      await terminal.shows(/^code=0$/m);
      const prompt = `Passphrase for the vault ~${vault.image.slice(owner.home.length)}:`;
      expect(stepsOn(terminal, /^Vault /).slice(1)).to.deep.equal([
        ...opened.slice(0, 3),
        prompt,
        '✖ Unlock a key slot: The passphrase or key is wrong.',
        prompt,
        ...opened.slice(3),
        'ghost> exit',
        'exit',
        ...closed,
        'code=0',
        'outside>',
      ]);
    } finally {
      terminal.close();
    }
  });

  it('is intact when the output goes on through a pipe to the same terminal', async () => {
    allowSudo(owner);
    await withTerminal(80, async (terminal) => {
      const command = "tazpod exec --image .tazpod-vault/vault.img -- printf 'a\\nb\\n' | cat; echo code=$?";
      terminal.enter(command);
      await terminal.shows(/^Passphrase for/m);
      terminal.enter(vault.passphrase);
      await terminal.shows(/^ *code=0$/m);
      expect(stepsOn(terminal).slice(1)).to.deep.equal(['a', 'b', 'code=0', 'outside>']);
    });
  });

  it('shows programs, warnings and errors from the left edge on too', async () => {
    allowSudo(owner);
    await withTerminal(80, async (terminal) => {
      terminal.enter('echo wrong > wrong; tazpod exec --debug --passphrase-file wrong -- true; echo "code=$?"');
      await terminal.shows(/^ *code=77$/m);
      const indented = terminal
        .screen(true)
        .split('\n')
        .filter((line) => /^ {4}/.test(line) && !/^ +at /.test(line));
      expect(indented).to.deep.equal([]);
      expect(terminal.screen(true))
        .to.match(/^\+ \/usr\/bin\/mount /m)
        .and.to.match(/^error: The passphrase or key/m);
    });
  });
});

/** The lines from the command on, without what differs from run to run: times, and where a long line was broken. */
function stepsOn(terminal: TestTerminal, hidden = /password|^Passphrase for/): string[] {
  return terminal
    .screen(true)
    .replaceAll(/\n {2,3}(?=\S)/g, ' ')
    .replaceAll(/[:,] +\d+\.\d +s$/gm, '')
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '' && !hidden.test(line));
}
