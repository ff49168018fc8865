import {copyFileSync, existsSync, linkSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {expect} from 'chai';
import type {DestroyResult} from '../../src/vault/destroy.ts';
import {cryptsetup} from '../luks/images.ts';
import {withOwnVault} from '../bed/own-vault.ts';
import {chownTo} from '../bed/ownership.ts';
import {startTazpod, tazpod} from '../bed/run.ts';
import {openTerminal} from '../bed/terminal.ts';
import type {BedUser} from '../bed/user.ts';
import type {TestVault} from '../bed/vault.ts';

describe('vault destroy', function () {
  this.timeout(180_000);
  let owner: BedUser;
  let vault: TestVault;

  withOwnVault((own) => ({owner, vault} = own));

  const destroy = (...flags: string[]) => tazpod(owner, ['vault', 'destroy', '--image', vault.image, ...flags]);

  it('is refused unasked, while the vault is open, and for what is no vault, and changes nothing then', async () => {
    expect(await destroy()).to.include({code: 64});
    const open = startTazpod(owner, ['exec', ...vault.flags, '--', 'sh', '-c', 'echo ready; cat']);
    await open.seen(/^ready$/m);
    const refused = await destroy('--yes');
    open.child.stdin!.end();
    await open.ended;
    expect(refused.code, refused.stderr).to.equal(75);
    expect(refused.stderr).to.contain('A vault cannot be destroyed while it is open.');
    expect((await tazpod(owner, ['exec', ...vault.flags, '--', 'true'])).code).to.equal(0);

    const text = join(dirname(vault.image), 'text');
    writeFileSync(text, 'my only copy');
    chownTo(owner, text);
    const other = await tazpod(owner, ['vault', 'destroy', '--image', text, '--yes']);
    expect(other.code, other.stderr).to.equal(65);
    expect(readFileSync(text, 'utf8')).to.equal('my only copy');
    rmSync(text);
  });

  it('asks for the name that vault add gave it, and takes no other answer', async () => {
    expect((await tazpod(owner, ['vault', 'add', 'letters', vault.image])).code).to.equal(0);
    const terminal = await openTerminal(owner);
    terminal.enter('tazpod vault destroy --vault letters');
    await terminal.shows(/of the vault, letters:/);
    terminal.enter('vault');
    await terminal.shows(/That was not its name/);
    terminal.close();
    expect((await tazpod(owner, ['exec', ...vault.flags, '--', 'true'])).code).to.equal(0);
    expect((await tazpod(owner, ['vault', 'forget', 'letters'])).code).to.equal(0);
  });

  it('leaves no key in the blocks of the image, and names the backup that still opens', async () => {
    const backup = join(owner.home, 'backup.img');
    expect((await tazpod(owner, ['vault', 'backup', backup, '--image', vault.image, '--no-open'])).code).to.equal(0);
    // Another name of the same blocks shows what was written into them.
    const blocks = readFileSync(vault.image);
    const held = join(owner.home, 'held');
    copyFileSync(vault.image, held);
    rmSync(vault.image);
    linkSync(held, vault.image);
    chownTo(owner, held);

    const ended = await destroy('--yes', '--json');
    expect(ended.code, ended.stderr).to.equal(0);
    const {result} = JSON.parse(ended.stdout) as {result: DestroyResult};
    expect(result).to.deep.include({erasedBytes: 16 * 2 ** 20, remaining: [backup]});
    expect(existsSync(vault.image)).to.equal(false);
    const after = readFileSync(held);
    for (let at = 0; at < 16 * 2 ** 20; at += 4096) {
      if (after.subarray(at, at + 4096).equals(blocks.subarray(at, at + 4096))) {
        throw new Error(`what was at ${at} is still there`);
      }
    }
    expect(after.subarray(16 * 2 ** 20).equals(blocks.subarray(16 * 2 ** 20))).to.equal(true);
    expect(cryptsetup(['isLuks', held]).code).to.not.equal(0);
    expect(cryptsetup(['open', '--test-passphrase', '--key-file=-', backup], vault.passphrase).code).to.equal(0);
    for (const path of [held, backup]) rmSync(path);
  });
});
