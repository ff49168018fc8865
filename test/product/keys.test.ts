import {expect} from 'chai';
import {spawnSync} from 'node:child_process';
import {chmodSync, chownSync, copyFileSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import type {KeyChangeResult, KeyListResult} from '../../src/vault/keys.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {writeAs} from '../bed/ownership.ts';
import {type Ended, startTazpod, tazpod} from '../bed/run.ts';
import {untilOpen} from '../bed/session.ts';
import {atPrompt, openTerminal, type TestTerminal} from '../bed/terminal.ts';
import type {BedUser} from '../bed/user.ts';
import {makeVault, quickKdf, type TestVault} from '../bed/vault.ts';

describe('The keys of a vault', function () {
  this.timeout(300_000);
  let owner: BedUser;
  let vault: TestVault;
  let files = 0;

  before(function () {
    needsRoot(this);
    owner = makeOwner();
  });

  beforeEach(async () => {
    vault = await makeVault(owner);
  });

  /** A file of the owner's with a passphrase. */
  function fileWith(text: string | Buffer): string {
    const path = join(owner.home, `key-${++files}`);
    writeAs(owner, path, text);
    chmodSync(path, 0o600);
    return path;
  }

  const given = (file: string) => ['--image', vault.image, '--passphrase-file', file];
  const run = (...args: string[]): Promise<Ended> => tazpod(owner, args);
  const passwd = (from: string, to: string, ...more: string[]) =>
    run('passwd', ...given(from), '--new-passphrase-file', to, ...quickKdf, ...more);

  /** Whether plain cryptsetup opens the image. */
  function opens(key: string | Buffer, image = vault.image): boolean {
    const {status} = spawnSync('cryptsetup', ['open', '--test-passphrase', '--disable-locks', '--key-file=-', image], {
      input: key,
    });
    expect(status).to.be.oneOf([0, 2]);
    return status === 0;
  }

  async function keys(): Promise<KeyListResult['keys']> {
    const {stdout, stderr, code} = await run('vault', 'key', 'list', '--image', vault.image, '--json');
    expect(code, stderr).to.equal(0);
    return (JSON.parse(stdout) as {result: KeyListResult}).result.keys;
  }

  it('are changed by their owner without sudo, and the files in it stay', async () => {
    const stored = await run('exec', ...vault.flags, '--', 'sh', '-c', 'echo precious >~/secrets/key');
    expect(stored.code, stored.stderr).to.equal(0);
    const next = fileWith('a better passphrase\n');
    const changed = await passwd(vault.passphraseFile, next, '--json');
    expect(changed.code, changed.stderr).to.equal(0);
    const {result} = JSON.parse(changed.stdout) as {result: KeyChangeResult};
    expect(result.changed).to.include({name: 'passphrase', kind: 'passphrase', opensVault: true});
    expect([opens(vault.passphrase), opens('a better passphrase')]).to.deep.equal([false, true]);
    const read = await run('exec', ...given(next), '--', 'cat', 'secrets/key');
    expect(read, read.stderr).to.include({code: 0, stdout: 'precious\n'});
  });

  it('are named, listed, renamed and removed, and cryptsetup shows their names', async () => {
    const bytes = Buffer.from('\0two\nlines\xff', 'latin1');
    const keyFile = fileWith(bytes);
    const added = await run(
      'vault',
      'key',
      'add',
      'usb',
      ...given(vault.passphraseFile),
      '--new-key-file',
      keyFile,
      ...quickKdf,
    );
    expect(added.code, added.stderr).to.equal(0);
    expect([opens(vault.passphrase), opens(bytes)]).to.deep.equal([true, true]);
    const renamed = await run('vault', 'key', 'rename', 'usb', 'stick', '--image', vault.image);
    expect(renamed.code, renamed.stderr).to.equal(0);
    expect((await keys()).map(({name, kind}) => [name, kind])).to.deep.equal([
      ['passphrase', 'passphrase'],
      ['stick', 'key-file'],
    ]);
    expect(spawnSync('cryptsetup', ['luksDump', vault.image]).stdout.toString()).to.match(/^ +\d+: tazpod-key:stick$/m);
    const removed = await run('vault', 'key', 'remove', 'stick', ...given(vault.passphraseFile), '--yes');
    expect(removed.code, removed.stderr).to.equal(0);
    expect([opens(vault.passphrase), opens(bytes)]).to.deep.equal([true, false]);
  });

  it('that another program has added are shown as such, and left alone', async () => {
    const other = fileWith('of another program');
    const image = vault.image;
    const luks = (args: string[], input = '') => spawnSync('cryptsetup', ['--batch-mode', ...args], {input}).status;
    expect(luks(['luksAddKey', ...quickKdf, '--key-file=-', image, other], vault.passphrase)).to.equal(0);
    const token = JSON.stringify({type: 'acme-device', keyslots: ['1'], blob: 'x'});
    expect(luks(['token', 'import', '--json-file=-', image], token)).to.equal(0);
    expect((await keys())[1])
      .to.include({slot: 1, token: 'acme-device'})
      .and.not.to.have.property('name');
    const refused = await passwd(other, fileWith('new words for it\n'));
    expect(refused.code).to.equal(64);
    expect(refused.stderr).to.contain('acme-device');
    const replaced = await passwd(vault.passphraseFile, fileWith('a better passphrase\n'));
    expect(replaced.code, replaced.stderr).to.equal(0);
    expect(opens('of another program')).to.equal(true);
    expect((await keys())[0]).to.include({slot: 1, token: 'acme-device'});
  });

  it('are never all removed, whatever is agreed to', async () => {
    const keyFile = fileWith('bytes of a file');
    const before = readFileSync(vault.image);
    const last = await run('vault', 'key', 'remove', 'passphrase', ...given(vault.passphraseFile), '--yes');
    expect(last.code).to.equal(64);
    expect(last.stderr).to.contain('vault key add');
    expect(readFileSync(vault.image).equals(before)).to.equal(true);
    const added = await run(
      'vault',
      'key',
      'add',
      ...given(vault.passphraseFile),
      '--new-key-file',
      keyFile,
      ...quickKdf,
    );
    expect(added.code, added.stderr).to.equal(0);
    const byFile = ['--image', vault.image, '--key-file', keyFile, '--yes'];
    expect((await run('vault', 'key', 'remove', 'passphrase', ...byFile)).code).to.equal(64);
    // The key that is given must stay.
    expect((await run('vault', 'key', 'remove', 'key-file', ...byFile)).code).to.equal(64);
    expect((await run('vault', 'key', 'remove', 'key-file', ...given(vault.passphraseFile))).code).to.equal(64);
    expect([opens(vault.passphrase), opens('bytes of a file')]).to.deep.equal([true, true]);
  });

  it('stay as they are if the key is wrong, the image cannot be written, is another user’s, or the vault is open', async () => {
    const before = readFileSync(vault.image);
    const next = fileWith('a better passphrase\n');
    const wrong = await passwd(fileWith('wrong\n'), next);
    expect(wrong.code, wrong.stderr).to.equal(77);
    chmodSync(vault.image, 0o400);
    expect((await passwd(vault.passphraseFile, next)).code).to.equal(77);
    chmodSync(vault.image, 0o600);
    const foreign = join(vault.image, '..', 'foreign.img');
    copyFileSync(vault.image, foreign);
    chownSync(foreign, 0, 0);
    chmodSync(foreign, 0o666);
    const args = [
      'passwd',
      '--image',
      foreign,
      '--passphrase-file',
      vault.passphraseFile,
      '--new-passphrase-file',
      next,
    ];
    expect((await tazpod(owner, args)).code).to.equal(77);
    expect(readFileSync(vault.image).equals(before) && readFileSync(foreign).equals(before)).to.equal(true);

    const session = startTazpod(owner, ['exec', ...vault.flags, '--', 'sh', '-c', 'echo in; read line']);
    await untilOpen(vault);
    expect((await passwd(vault.passphraseFile, next)).code).to.equal(75);
    expect(await keys()).to.have.length(1);
    session.type('\n');
    await session.ended;
    expect([opens(vault.passphrase), opens('a better passphrase')]).to.deep.equal([true, false]);
  });

  it('are changed by one of two at once, or by both in turn', async () => {
    const [first, second] = [fileWith('first new passphrase\n'), fileWith('second new passphrase\n')];
    const ends = await Promise.all([first, second].map((file) => passwd(vault.passphraseFile, file, '--wait', '120')));
    expect(ends.map(({code}) => code)).to.have.members([0, 77]);
    expect([opens('first new passphrase'), opens('second new passphrase')]).to.have.members([true, false]);
    expect(opens(vault.passphrase)).to.equal(false);
  });

  it('are changed at the terminal, and a recovery key is shown there once', async () => {
    const terminals: TestTerminal[] = [];
    // A new one each time: an old screen would answer for the next command.
    const fresh = async () => terminals[terminals.push(await openTerminal(owner)) - 1]!;
    let terminal = await fresh();
    const command = (words: string) => `tazpod ${words} --image ${vault.image}`;
    terminal.enter(`${command('passwd')} ${quickKdf.join(' ')}`);
    await terminal.shows(/^Passphrase for the vault [^]*: ?$/m);
    terminal.enter(vault.passphrase);
    await terminal.shows(/^New passphrase for the vault [^]*: ?$/m);
    terminal.enter('correct horse battery staple');
    await terminal.shows(/Repeat passphrase: ?$/m);
    terminal.enter('correct horse battery staple');
    await terminal.shows(/Changed the key passphrase/);
    expect([opens(vault.passphrase), opens('correct horse battery staple')]).to.deep.equal([false, true]);

    terminal = await fresh();
    terminal.enter(command('vault key add --recovery'));
    await terminal.shows(/^Passphrase for the vault [^]*: ?$/m);
    terminal.enter('correct horse battery staple');
    const [key] = await terminal.shows(/(?:[cbdefghijklnrtuv]{8}-){7}[cbdefghijklnrtuv]{8}/);
    await terminal.shows(/Press Enter: ?$/m);
    expect(opens(key)).to.equal(false);
    terminal.press('Enter');
    await terminal.shows(/Added the key recovery/);
    expect(opens(key)).to.equal(true);

    terminal = await fresh();
    terminal.enter(command(`exec --mount-point ${vault.mountPoint}`) + ' -- echo o"pe"n');
    await terminal.shows(/^Passphrase for the vault [^]*: ?$/m);
    terminal.enter(key);
    await terminal.shows(/^open$/m);
    await terminal.shows(atPrompt);
    for (const each of terminals) each.close();
    expect((await run('vault', 'key', 'add', '--recovery', ...given(vault.passphraseFile))).code).to.equal(64);
  });
});
