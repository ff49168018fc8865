import {chmodSync, readFileSync, statSync} from 'node:fs';
import {expect} from 'chai';
import {engines} from '../../src/engines/choose.ts';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {writeAs} from '../bed/ownership.ts';
import {kill, processTree} from '../bed/process-tree.ts';
import {tazpod} from '../bed/run.ts';
import {openSession} from '../bed/session.ts';
import type {BedUser} from '../bed/user.ts';
import {planVault, quickKdf, type TestVault} from '../bed/vault.ts';

/** Here the engine that needs no device-mapper; in the virtual machine each one. */
const chosen = (process.env['TAZPOD_TEST_ENGINES'] ?? 'fuse').split(' ');
/** A virtual machine without hardware support is ten times as slow. */
const withinMs = 20_000;

for (const {id: engine} of engines.filter(({id}) => chosen.includes(id))) {
  describe(`A user's vault with the ${engine} engine`, function () {
    this.timeout(180_000);
    let owner: BedUser;
    let vault: TestVault;
    const flags = (): string[] => [...vault.flags, '--engine', engine];

    before(function () {
      needsRoot(this);
      owner = makeOwner();
      vault = planVault(owner);
    });

    afterEach(() => expectNothingLeft(vault, {withinMs}));

    it('is created', async () => {
      const key = ['--image', vault.image, '--passphrase-file', vault.passphraseFile];
      const {code, stderr} = await tazpod(owner, [
        ...['vault', 'create', ...key, '--engine', engine, '--size', '32M'],
        ...quickKdf,
      ]);
      expect(code, stderr).to.equal(0);
    });

    it('is not opened by a wrong passphrase', async () => {
      const wrong = writeAs(owner, `${owner.home}/wrong`, 'not the passphrase\n');
      const words = ['exec', '--image', vault.image, '--passphrase-file', wrong, '--engine', engine, '--', 'true'];
      expect((await tazpod(owner, words)).code).to.equal(77);
    });

    it('is unlocked, joined by a command whose exit code comes through, and locked from outside', async () => {
      const session = await openSession(vault, ['--engine', engine]);
      expect(session.running.engine).to.equal(engine);
      const {output} = await session.ask(
        'head -c 300000 /dev/urandom >~/secrets/blob; sync ~/secrets/blob; sha256sum <~/secrets/blob',
      );
      const joined = await tazpod(owner, ['exec', ...flags(), '--', 'sh', '-c', 'sha256sum <~/secrets/blob; exit 7']);
      expect(joined, joined.stderr).to.deep.include({code: 7, stdout: output});
      const lock = await tazpod(owner, ['lock', '--image', vault.image]);
      expect(lock.code, lock.stderr).to.equal(0);
      expect((await session.unlock.ended).code).to.equal(79);
    });

    it('is read without a change of its image when it is opened read-only', async () => {
      const exec = (script: string, ...more: string[]) =>
        tazpod(owner, ['exec', ...flags(), ...more, '--', 'sh', '-c', script]);
      expect((await exec('echo s3cret >~/secrets/read')).code).to.equal(0);
      const before = readFileSync(vault.image);
      const {mtimeNs} = statSync(vault.image, {bigint: true});
      chmodSync(vault.image, 0o400);
      const {code, stdout, stderr} = await exec('cat ~/secrets/read; touch ~/secrets/read', '--read-only');
      chmodSync(vault.image, 0o600);
      expect({code, stdout}, stderr).to.deep.equal({code: 1, stdout: 's3cret\n'});
      expect(stderr).to.contain('Read-only file system');
      expect(readFileSync(vault.image).equals(before)).to.equal(true);
      expect(statSync(vault.image, {bigint: true}).mtimeNs).to.equal(mtimeNs);
    });

    it('is closed by the kernel when everything is killed, and opens again with what was synced', async () => {
      const session = await openSession(vault, ['--engine', engine]);
      const {output} = await session.ask(
        'head -c 300000 /dev/urandom >~/secrets/kept; sync ~/secrets/kept ~/secrets; sha256sum <~/secrets/kept',
      );
      const tree = processTree(session.unlock.pid);
      for (const process of tree) kill(process);
      await expectNothingLeft(vault, {processes: tree, withinMs});

      const script = 'sha256sum <~/secrets/kept';
      const {code, stdout, stderr} = await tazpod(owner, ['exec', ...flags(), '--', 'sh', '-c', script]);
      expect({code, stdout}, stderr).to.deep.equal({code: 0, stdout: output});
    });
  });
}
