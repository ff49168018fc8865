import {spawnSync} from 'node:child_process';
import {copyFileSync, existsSync, mkdirSync, renameSync, rmSync, statSync} from 'node:fs';
import {dirname} from 'node:path';
import {expect} from 'chai';
import {fuseForAll} from '../bed/fuse-for-all.ts';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {tazpod} from '../bed/run.ts';
import {openSession} from '../bed/session.ts';
import type {BedUser} from '../bed/user.ts';
import {makeVault, type TestVault} from '../bed/vault.ts';

/** What a sync client, a clean-up or a slip of the hand does to the image of an open vault. */
describe('The image of an open vault', function () {
  this.timeout(120_000);
  let owner: BedUser;
  let vault: TestVault;

  before(function () {
    needsRoot(this);
    owner = makeOwner();
  });

  beforeEach(async () => {
    vault = await makeVault(owner);
  });

  const status = async () => {
    const {stdout} = await tazpod(owner, ['status', '--json', '--image', vault.image]);
    return (JSON.parse(stdout) as {result: {state: string; replacedBy?: string}}).result;
  };

  /** Reads the note out of the copy, as the user would. */
  async function noteIn(copy: string): Promise<string> {
    const flags = ['--image', copy, ...vault.flags.slice(2)];
    const {stdout, stderr} = await tazpod(owner, ['exec', ...flags, '--', 'cat', `${vault.mountPoint}/note`]);
    return stdout || stderr;
  }

  for (const isolation of ['sealed', 'private'] as const) {
    it(`is saved as a copy when it was removed, and the session ends with 74 (${isolation})`, async () => {
      const within = isolation === 'private' ? fuseForAll : [];
      const session = await openSession(vault, ['--isolation', isolation], {within});
      const {size} = statSync(vault.image);
      rmSync(vault.image);
      await session.unlock.seen(/The image of this vault was removed/);
      // Written after the loss, and without a sync.
      await session.ask(`echo kept > ${vault.mountPoint}/note`);
      expect(await status()).to.include({state: 'open', replacedBy: 'nothing'});

      const {code, stderr} = await session.leave();
      expect(code).to.equal(74);
      expect(stderr).to.include(`${vault.image}.saved`);
      const copy = statSync(`${vault.image}.saved`);
      expect([copy.size, copy.uid, copy.mode & 0o777]).to.deep.equal([size, owner.uid, 0o600]);
      renameSync(`${vault.image}.saved`, vault.image);
      expect(await noteIn(vault.image)).to.equal('kept\n');
      await expectNothingLeft(vault);
    });
  }

  it('stays the open one when another file takes its place: nobody opens that silently, and lock finds the ghost', async () => {
    const session = await openSession(vault);
    await session.ask(`echo kept > ${vault.mountPoint}/note`);
    // As sync clients do: a whole file beside it, and a rename.
    copyFileSync(vault.image, `${vault.image}.part`);
    chownTo(owner, `${vault.image}.part`);
    renameSync(`${vault.image}.part`, vault.image);
    await session.unlock.seen(/The image of this vault was removed/);
    expect(await status()).to.include({state: 'open', replacedBy: 'copy'});

    for (const command of [
      ['exec', ...vault.flags, '--', 'true'],
      ['exec', ...vault.flags, '--isolation', 'private', '--', 'true'],
    ]) {
      const second = await tazpod(owner, command);
      expect([second.code, second.stdout], second.stderr).to.deep.equal([75, '']);
      expect(second.stderr).to.match(/no longer the vault that is open here/);
    }
    const lock = await tazpod(owner, ['lock', '--image', vault.image]);
    expect(lock.code, lock.stderr).to.equal(0);
    expect(lock.stderr).to.include(`${vault.image}.saved`);
    expect((await session.unlock.ended).code).to.equal(74);
    expect(await noteIn(`${vault.image}.saved`)).to.equal('kept\n');
    expect((await status()).state).to.equal('locked');
    rmSync(`${vault.image}.saved`);
    await expectNothingLeft(vault);
  });

  it('is distinguished from other files at its path', async () => {
    const session = await openSession(vault);
    const other = await makeVault(owner);
    renameSync(other.image, vault.image);
    expect(await status()).to.include({state: 'open', replacedBy: 'another-vault'});
    writeAs(owner, vault.image, 'a note that says that the image is in the cloud');
    expect(await status()).to.include({state: 'open', replacedBy: 'another-file'});
    expect((await session.leave()).code).to.equal(74);
    rmSync(`${vault.image}.saved`);
    await expectNothingLeft(vault);
  });

  it('is saved in the home when its directory was removed too', async () => {
    const session = await openSession(vault);
    await session.ask(`echo kept > ${vault.mountPoint}/note`);
    rmSync(dirname(vault.image), {recursive: true});
    const {code, stderr} = await session.leave();
    expect(code).to.equal(74);
    expect(stderr).to.include(`${owner.home}/vault.img.saved`);
    expect(await noteIn(`${owner.home}/vault.img.saved`)).to.equal('kept\n');
    rmSync(`${owner.home}/vault.img.saved`);
    mkdirSync(dirname(vault.image));
    await expectNothingLeft(vault);
  });

  it('is lost with a word and 74 where there is no room for a copy, and lock says so too', async () => {
    const session = await openSession(vault);
    rmSync(vault.image);
    // No new file of this size for the user, in any directory that could be meant.
    for (const folder of [dirname(vault.image), owner.home]) spawnSync('chattr', ['+i', folder]);
    try {
      const lock = await tazpod(owner, ['lock', '--image', vault.image]);
      expect(lock.code, lock.stderr).to.equal(74);
      const {code, stderr} = await session.unlock.ended;
      expect(code).to.equal(74);
      expect(stderr).to.match(/could not save it, and its data is lost/);
    } finally {
      for (const folder of [dirname(vault.image), owner.home]) spawnSync('chattr', ['-i', folder]);
    }
    await expectNothingLeft(vault);
  });

  it('may be moved: the session reports it, nothing is copied, and the new path leads to the ghost', async () => {
    const session = await openSession(vault);
    const elsewhere = `${owner.home}/moved.img`;
    renameSync(vault.image, elsewhere);
    await session.unlock.seen(/was moved from .* to .*\/moved\.img/);
    expect(await status()).to.include({state: 'open', replacedBy: 'nothing'});
    const {stdout} = await tazpod(owner, ['status', '--image', elsewhere]);
    expect(stdout).to.match(/^state +open$/m);
    expect((await session.leave()).code).to.equal(0);
    expect(existsSync(`${vault.image}.saved`)).to.equal(false);
    rmSync(elsewhere);
    await expectNothingLeft(vault);
  });
});
