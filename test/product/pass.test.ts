import {mkdirSync} from 'node:fs';
import {join} from 'node:path';
import {randomBytes} from 'node:crypto';
import {expect} from 'chai';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {ownVault} from '../bed/own-vault.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {givePlugins} from '../bed/plugins.ts';
import {runAs, tazpod} from '../bed/run.ts';
import {atGhostPrompt, atPrompt, openTerminal} from '../bed/terminal.ts';
import type {BedUser} from '../bed/user.ts';
import type {TestVault} from '../bed/vault.ts';

describe('Secrets of pass', function () {
  this.timeout(180_000);
  let owner: BedUser;
  let vault: TestVault;
  let project: string;
  const key = `${randomBytes(32).toString('base64')}\nsecond line\n`;

  before(async function () {
    ({owner, vault} = await ownVault(this));
    project = join(owner.home, 'project');
    mkdirSync(project, {mode: 0o700});
    chownTo(owner, project);
    writeAs(
      owner,
      join(project, 'secrets.yml'),
      [
        'backends:',
        '  mine: {type: pass}',
        'secrets:',
        '  - {backend: mine, path: /work, name: token, env: TOKEN}',
        '  - {backend: mine, path: /work, name: key, file: ssh/key, content: file}',
        '',
      ].join('\n'),
    );
    await must(['gpg', '--batch', '--passphrase', '', '--quick-generate-key', 'me@example.com', 'future-default']);
    await must(['pass', 'init', 'me@example.com']);
    await must(['pass', 'insert', '--echo', 'work/token'], 'the token\n');
    await must(['pass', 'insert', '--multiline', 'work/key'], key);
    await must(['gpgconf', '--kill', 'gpg-agent']);
    givePlugins(owner, 'tazpod-pass');
  });

  it('come into the ghost, decrypted there by the user’s own gpg, whose agent ends with it', async () => {
    const pull = await tazpod(owner, ['pull', '--no-shell', ...vault.flags], {cwd: project});
    expect(pull.code, pull.stderr).to.equal(0);
    expect(pull.stdout).to.match(/^Pulled 1 file, 1 variable\.$/m);
    await expectNothingLeft(vault);
    const show = 'cat ~/secrets/ssh/key; printf "[%s]" "$TOKEN"';
    const session = await tazpod(owner, ['exec', ...vault.flags, '--', 'sh', '-c', show], {cwd: project});
    expect(session.stdout, session.stderr).to.equal(`${key}[the token]`);
    await expectNothingLeft(vault);
  });

  it('are not decrypted again when none has changed', async () => {
    await must(['mv', `${owner.home}/.gnupg`, `${owner.home}/elsewhere`]);
    const pull = await tazpod(owner, ['pull', '--no-shell', ...vault.flags], {cwd: project});
    await must(['mv', `${owner.home}/elsewhere`, `${owner.home}/.gnupg`]);
    expect(pull.code, pull.stderr).to.equal(0);
    expect(pull.stdout).to.match(/^Nothing has changed/m);
  });

  it('are unlocked on the terminal of the session, where gpg asks for the passphrase of the key itself', async () => {
    await must(['rm', '-r', `${owner.home}/.gnupg`, `${owner.home}/.password-store`]);
    const unlocked = ['--pinentry-mode', 'loopback', '--passphrase', 'the passphrase'];
    await must(['gpg', '--batch', ...unlocked, '--quick-generate-key', 'locked@example.com', 'future-default']);
    await must(['pass', 'init', 'locked@example.com']);
    await must(['pass', 'insert', '--echo', 'work/token'], 'another token\n');
    await must(['pass', 'insert', '--multiline', 'work/key'], 'another key');
    await must(['gpgconf', '--kill', 'gpg-agent']);
    const terminal = await openTerminal(owner, {cwd: project});
    try {
      terminal.enter(`tazpod unlock ${vault.flags.join(' ')}`);
      await terminal.shows(atGhostPrompt);
      terminal.enter('clear; tazpod pull');
      await terminal.shows(/The key for "locked@example[.]com" is locked[^]*Next: tazpod login mine/);
      terminal.enter('clear; tazpod login mine');
      await terminal.shows(/Please enter the passphrase[^]*locked@example[.]com/);
      terminal.enter('the passphrase');
      await terminal.shows(/Logged in to mine as locked@example[.]com/);
      terminal.enter('clear; tazpod pull; cat ~/secrets/ssh/key; echo " was read"');
      await terminal.shows(/^another key was read$/m);
      terminal.enter('exit');
      await terminal.shows(atPrompt);
    } finally {
      terminal.close();
    }
    await expectNothingLeft(vault);
  });

  async function must(command: readonly string[], stdin = ''): Promise<void> {
    const {code, stderr} = await runAs(owner, command, {stdin});
    expect(code, stderr).to.equal(0);
  }
});
