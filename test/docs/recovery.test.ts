import {expect} from 'chai';
import {existsSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {chownTo} from '../bed/ownership.ts';
import {type Ended, runAs, tazpod} from '../bed/run.ts';
import type {BedUser} from '../bed/user.ts';
import {makeVault, type TestVault} from '../bed/vault.ts';
import type {KeyListResult} from '../../src/vault/keys.ts';
import {blocksBelow, page} from './pages.ts';

/** The page is run as it stands, by a user who is not root, on a kernel that need not have device-mapper. */
describe('docs/recovery.md', function () {
  this.timeout(60_000);
  const recovery = page('docs/recovery.md');
  let user: BedUser;
  let vault: TestVault;
  let folder: string;

  before(async function () {
    needsRoot(this);
    user = makeOwner();
    vault = await makeVault(user);
    const filling = await tazpod(user, ['exec', ...vault.flags, '--', 'sh', '-c', 'echo precious >~/secrets/key']);
    expect(filling.code, filling.stderr).to.equal(0);
  });

  let count = 0;
  beforeEach(async () => {
    folder = join(user.home, `recovery-${++count}`);
    mkdirSync(folder);
    chownTo(user, folder);
    await run(`cp ${vault.image} vault.img`);
  });

  /** Runs a block of the page in the directory, with lines for its prompts. */
  function run(block: string, ...typed: readonly string[]): Promise<Ended> {
    const stdin = typed.map((line) => `${line}\n`).join('');
    return runAs(user, ['bash', '-e', '-c', block], {cwd: folder, stdin, env: {PATH: '/usr/sbin:/usr/bin:/sbin:/bin'}});
  }

  it('looks at a vault and tells its passphrase from others', async () => {
    const [block] = blocksBelow(recovery, 'Checking the image and the passphrase');
    const right = await run(block!, vault.passphrase);
    expect(right, right.stderr).to.include({code: 0});
    expect(right.stdout)
      .to.match(/^Version:\s+2$/m)
      .and.to.match(/^yes$/m);
    expect((await run(block!, 'another')).stdout).not.to.match(/^yes$/m);
  });

  it('has a way to give cryptsetup the passphrase of a file', async () => {
    const [flag] = /--key-file=<\([^`]+\)/.exec(recovery.text)!;
    const opened = await run(
      `cryptsetup open --test-passphrase ${flag.replace('FILE', vault.passphraseFile)} vault.img`,
    );
    expect(opened.code, opened.stderr).to.equal(0);
  });

  it('gets the files out without root and without device-mapper', async () => {
    const [block] = blocksBelow(recovery, 'Without root, or without device-mapper');
    const {code, stderr} = await run(block!, vault.passphrase);
    expect(code, stderr).to.equal(0);
    expect(readFileSync(join(folder, 'files', 'key'), 'utf8')).to.equal('precious\n');
  });

  it('makes a backup of the vault, and puts it in the place of the image', async () => {
    const [backup, restore] = blocksBelow(recovery, 'A backup of the vault');
    const made = await run(backup!);
    expect(made.code, made.stderr).to.equal(0);
    writeFileSync(join(folder, 'vault.img'), 'not a vault');
    const restored = await run(restore!);
    expect(restored.code, restored.stderr).to.equal(0);
    expect(readFileSync(join(folder, 'vault.img.before-restore'), 'utf8')).to.equal('not a vault');
    const image = join(folder, 'vault.img');
    const open = ['exec', '--image', image, '--passphrase-file', vault.passphraseFile, '--', 'cat', 'secrets/key'];
    expect(await tazpod(user, open)).to.include({code: 0, stdout: 'precious\n'});
  });

  it('brings a header back that was overwritten', async () => {
    const [backup, restore] = blocksBelow(recovery, 'A backup of the header');
    expect((await run(backup!)).code).to.equal(0);
    const image = join(folder, 'vault.img');
    const open = ['exec', '--image', image, '--passphrase-file', vault.passphraseFile, '--', 'cat', 'secrets/key'];
    writeFileSync(image, Buffer.alloc(16 * 2 ** 20), {flag: 'r+'});
    expect((await tazpod(user, open)).code).to.equal(65);
    const restored = await run(restore!);
    expect(restored.code, restored.stderr).to.equal(0);
    expect(existsSync(join(folder, 'vault.header'))).to.equal(true);
    expect(await tazpod(user, open)).to.include({code: 0, stdout: 'precious\n'});
  });

  it('destroys a vault', async () => {
    const [block] = blocksBelow(recovery, 'Destroying a vault');
    await run('ln vault.img held.img');
    const ended = await run(block!);
    expect(ended.code, ended.stderr).to.equal(0);
    expect(existsSync(join(folder, 'vault.img'))).to.equal(false);
    const tried = await run('cryptsetup open --test-passphrase held.img', vault.passphrase);
    expect(tried.code).to.not.equal(0);
  });

  it('adds and changes passphrases', async () => {
    const [block] = blocksBelow(recovery, 'Changing the passphrase');
    const [add, change] = block!.trim().split('\n');
    const quick = '--pbkdf pbkdf2 --pbkdf-force-iterations 1000';
    expect((await run(`${add!} ${quick}`, vault.passphrase, 'one more passphrase')).code).to.equal(0);
    expect((await run(`${change!} ${quick}`, 'one more passphrase', 'a better passphrase')).code).to.equal(0);
    const open = ['exec', '--image', join(folder, 'vault.img'), '--passphrase-file', '-', '--', 'cat', 'secrets/key'];
    expect((await tazpod(user, open, {stdin: 'one more passphrase\n'})).code).to.equal(77);
    expect(await tazpod(user, open, {stdin: 'a better passphrase\n'})).to.include({code: 0, stdout: 'precious\n'});
  });

  it('lists, adds, removes and names keys as TazPod does', async () => {
    const [list, add, remove, rename] = blocksBelow(recovery, 'Keys') as [string, string, string, string];
    const quick = '--pbkdf pbkdf2 --pbkdf-force-iterations 1000';
    expect((await run(list)).stdout).to.match(/^ {2}0: tazpod-key:passphrase$/m);
    const [withFile, withPassphrase] = add.trim().split('\n') as [string, string];
    writeFileSync(join(folder, 'FILE'), 'the bytes of a key file');
    expect((await run(`${withFile} ${quick}`, vault.passphrase)).code).to.equal(0);
    expect((await run(`${withPassphrase} ${quick}`, vault.passphrase, 'a further passphrase')).code).to.equal(0);
    const killed = await run(`${remove.trim()} -q --key-file=<(printf 'a further passphrase')`);
    expect(killed.code, killed.stderr).to.equal(0);
    expect(await run(rename)).to.include({code: 0});
    const image = join(folder, 'vault.img');
    const listed = await tazpod(user, ['vault', 'key', 'list', '--image', image, '--json']);
    const {keys} = (JSON.parse(listed.stdout) as {result: KeyListResult}).result;
    expect(keys.map(({slot, name}) => [slot, name])).to.deep.equal([
      [0, 'home'],
      [2, undefined],
    ]);
  });
});
