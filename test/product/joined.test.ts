import {spawnSync} from 'node:child_process';
import {randomUUID} from 'node:crypto';
import {once} from 'node:events';
import {closeSync, copyFileSync, openSync, readSync, writeSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {readProcessStatus} from '../../src/kernel/process-record.ts';
import {readOpenVaults} from '../../src/kernel/open-vaults.ts';
import {fuseForAll} from '../bed/fuse-for-all.ts';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {tazpod} from '../bed/run.ts';
import {openSession, type TestSession} from '../bed/session.ts';
import {until} from '../bed/until.ts';
import type {BedUser} from '../bed/user.ts';
import {makeVault, quickKdf, type TestVault} from '../bed/vault.ts';

for (const isolation of ['sealed', 'private'] as const) {
  describe(`A ${isolation} ghost that others join`, function () {
    this.timeout(120_000);
    const isolated = ['--isolation', isolation];
    const within = isolation === 'private' ? fuseForAll : [];
    let owner: BedUser;
    let vault: TestVault;
    let first: TestSession;

    before(function () {
      needsRoot(this);
      owner = makeOwner();
    });

    beforeEach(async () => {
      vault = await makeVault(owner);
      first = await openSession(vault, isolated, {within});
    });

    afterEach(async () => {
      await tazpod(owner, ['lock', '--image', vault.image, '--grace', '0']);
      await first.unlock.ended;
      await expectNothingLeft(vault);
    });

    it('shows both shells the same files, and stays one ghost', async () => {
      const second = await openSession(vault, isolated, {within});
      await first.ask('echo from-the-first >~/secrets/note');
      expect((await second.ask('cat ~/secrets/note')).output).to.equal('from-the-first\n');
      expect(readOpenVaults().filter(({image}) => image === vault.image)).to.have.length(1);
      expect((await second.leave()).code).to.equal(0);
      expect((await first.ask('cat ~/secrets/note')).output).to.equal('from-the-first\n');
    });

    it('says how many shells are in it, from outside and from within', async () => {
      const shellsIn = (json: string) =>
        (JSON.parse(json) as {result: {session: {shells: number}}}).result.session.shells;
      const status = ['status', '--json', '--image', vault.image];
      const outside = async () => shellsIn((await tazpod(owner, status)).stdout);
      // What a program leaves in the background is no shell.
      await first.ask('(sleep 120 &) >/dev/null 2>&1');
      expect(await outside()).to.equal(1);
      const second = await openSession(vault, isolated, {within});
      const third = await openSession(vault, isolated, {within});
      expect(await outside()).to.equal(3);
      expect(shellsIn((await second.ask('tazpod status --json')).output)).to.equal(3);
      await third.leave();
      expect(await outside()).to.equal(2);
      await second.leave();
    });

    it('gives the shell that joins no privilege, and the same isolation', async () => {
      const second = await openSession(vault, isolated, {within});
      const {output} = await second.ask('grep -E "^(Uid|CapEff|CapBnd|NoNewPrivs):" /proc/self/status; umask');
      expect(output)
        .to.include(`Uid:\t${owner.uid}\t${owner.uid}\t${owner.uid}\t${owner.uid}`)
        .and.to.include('CapEff:\t0000000000000000')
        .and.to.include('NoNewPrivs:\t1')
        // fuse2fs knows no ACL that would keep the files private.
        .and.to.match(
          isolation === 'private' ? /^0077$/m : new RegExp(`^0*${readProcessStatus('self')!.umask!.toString(8)}$`, 'm'),
        );
      // Only root can take the bounding set away from a process that joins; without new privileges it bounds nothing.
      if (isolation === 'sealed') expect(output).to.include('CapBnd:\t0000000000000000');
      const outer = await second.ask('readlink /proc/self/ns/user /proc/self/ns/pid /proc/self/ns/ipc');
      expect((await first.ask('readlink /proc/self/ns/user /proc/self/ns/pid /proc/self/ns/ipc')).output).to.equal(
        outer.output,
      );
      await second.leave();
    });

    it('stays open when the shell that opened it ends, until the last one does', async () => {
      const second = await openSession(vault, isolated, {within});
      await first.ask('echo kept >~/secrets/note');
      // The end of the first shell is reported at once; its vault, and with it its standard streams, live on for the
      // other.
      const told = once(first.unlock.child, 'exit');
      first.unlock.type('exit 4\n');
      expect((await told)[0]).to.equal(4);
      expect((await second.ask('cat ~/secrets/note')).output).to.equal('kept\n');
      expect((await second.leave()).code).to.equal(0);
      await until('the vault is closed', () => !readOpenVaults().some(({image}) => image === vault.image));
    });

    it('is closed under all of its shells by a lock, and each unlock says 79', async () => {
      const second = await openSession(vault, isolated, {within});
      const lock = await tazpod(owner, ['lock', '--image', vault.image]);
      expect(lock.code, lock.stderr).to.equal(0);
      expect((await first.unlock.ended).code).to.equal(79);
      expect((await second.unlock.ended).code).to.equal(79);
    });

    it('lets nobody in with a wrong passphrase', async () => {
      const wrong = writeAs(owner, join(owner.home, 'wrong'), 'not the passphrase\n');
      const refused = await tazpod(owner, [
        'exec',
        ...isolated,
        '--image',
        vault.image,
        '--passphrase-file',
        wrong,
        '--',
        'true',
      ]);
      expect(refused.code).to.equal(77);
      expect(refused.stderr).to.include('passphrase');
    });

    it('is busy to those who would not join', async () => {
      const busy = await tazpod(owner, ['exec', ...vault.flags, ...isolated, '--no-join', '--', 'true']);
      expect(busy.code).to.equal(75);
      expect(busy.stderr).to.include('tazpod vault status');
    });

    it('is not opened by the passphrase of a header that was put in the place of its own', async () => {
      // The image is the user's, and so is what any process of the user writes into it.
      const forged = join(owner.home, `forged-${randomUUID()}.img`);
      copyFileSync(vault.image, forged);
      const format = ['luksFormat', '--batch-mode', '--type', 'luks2', '--key-file', '-', ...quickKdf, forged];
      expect(spawnSync('cryptsetup', format, {input: 'the intruder knows this'}).status).to.equal(0);
      spawnSync('cryptsetup', ['luksUUID', '--batch-mode', '--uuid', first.running.uuid, forged]);
      chownTo(owner, forged);
      const original = exchangeHeader(vault.image, forged);

      const own = writeAs(owner, join(owner.home, 'intruder'), 'the intruder knows this\n');
      const flags = [...isolated, '--image', vault.image, '--passphrase-file', own];
      const refused = await tazpod(owner, ['exec', ...flags, '--', 'true']);
      restoreHeader(vault.image, original);
      expect(refused.code).to.equal(77);
      // The control: to an image that is not open, the exchanged header is as good as any.
      const opened = spawnSync('cryptsetup', ['open', '--test-passphrase', '--key-file', '-', forged], {
        input: 'the intruder knows this',
      });
      expect(opened.status).to.equal(0);
    });
  });
}

describe('A ghost of one isolation and a caller of another', () => {
  before(function () {
    needsRoot(this);
  });

  for (const [isolation, other] of [
    ['sealed', 'private'],
    ['private', 'sealed'],
  ] as const) {
    it(`cannot come together where the ghost is ${isolation}`, async () => {
      const vault = await makeVault(makeOwner());
      const first = await openSession(vault, ['--isolation', isolation], {within: fuseForAll});
      const refused = await tazpod(vault.owner, ['exec', ...vault.flags, '--isolation', other, '--', 'true']);
      expect(refused.code).to.equal(75);
      expect(refused.stderr).to.include('The vault is already open').and.to.include(`--isolation ${isolation}`);
      await first.leave();
      await expectNothingLeft(vault);
    });
  }
});

const headerBytes = 16 * 2 ** 20;

/** Writes the header of one image over that of another, in place; returns what was there. */
function exchangeHeader(image: string, from: string): Buffer {
  const [original, other] = [image, from].map(readHeader) as [Buffer, Buffer];
  restoreHeader(image, other);
  return original;
}

function readHeader(path: string): Buffer {
  const fd = openSync(path, 'r');
  const header = Buffer.alloc(headerBytes);
  readSync(fd, header, 0, headerBytes, 0);
  closeSync(fd);
  return header;
}

function restoreHeader(path: string, header: Buffer): void {
  const fd = openSync(path, 'r+');
  writeSync(fd, header, 0, header.length, 0);
  closeSync(fd);
}
