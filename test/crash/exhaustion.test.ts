import {expect} from 'chai';
import {spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {existsSync, mkdirSync, mkdtempSync, rmdirSync, statSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {atTheEnd} from '../bed/made-by.ts';
import {ownVault} from '../bed/own-vault.ts';
import {chownTo} from '../bed/ownership.ts';
import {processTree} from '../bed/process-tree.ts';
import {startTazpod, tazpod} from '../bed/run.ts';
import {until} from '../bed/until.ts';
import type {BedUser} from '../bed/user.ts';
import {planVault, type TestVault} from '../bed/vault.ts';
import {findDamage} from './plaintext.ts';

/** Writes and syncs records until that fails, and tells of each on standard output. */
const writer =
  'i=0; while i=$((i+1)); { printf "record %s\\n" $i; head -c 200000 /dev/urandom; } | ' +
  'dd of=$HOME/secrets/record-$i conv=fsync status=none; do echo "record $i"; done; echo full';

describe('When something runs out', function () {
  this.timeout(180_000);
  let owner: BedUser;
  let vault: TestVault;

  before(async function () {
    ({owner, vault} = await ownVault(this));
  });

  /** What `output` reports as synced in the session must be there. */
  async function expectRecords(of: TestVault, output: string): Promise<void> {
    const count = output.split('\n').filter((line) => line.startsWith('record ')).length;
    expect(count).to.be.greaterThan(0);
    const check = `for i in $(seq ${count}); do head -n1 ~/secrets/record-$i; done; rm ~/secrets/record-*`;
    const {code, stdout, stderr} = await tazpod(owner, ['exec', ...of.flags, '--', 'sh', '-c', check]);
    expect(code, stderr).to.equal(0);
    expect(stdout).to.equal(Array.from({length: count}, (_, index) => `record ${index + 1}\n`).join(''));
  }

  it('the space under a sparse image: what was synced is there, and the vault opens again when there is room', async () => {
    const folder = mkdtempSync('/opt/tazpod-space-');
    const mount = (options: string) =>
      spawnSync('mount', [
        '-t',
        'tmpfs',
        '-o',
        `${options},mode=0700,uid=${owner.uid},gid=${owner.gid}`,
        'tazpod-test',
        folder,
      ]).status;
    const unmount = () => {
      spawnSync('umount', [folder]);
      if (existsSync(folder)) rmdirSync(folder);
    };
    atTheEnd(unmount);
    expect(mount('size=64M')).to.equal(0);
    try {
      const sparse = {...vault, image: join(folder, 'vault.img')};
      const flags = ['--image', sparse.image, ...vault.flags.slice(2)];
      expect(spawnSync('cp', ['--sparse=always', vault.image, sparse.image]).status).to.equal(0);
      chownTo(owner, sparse.image);
      // Room for what the empty file system has, and for some records.
      const roomBytes = statSync(sparse.image).blocks * 512 + 2 ** 20;
      expect(mount(`remount,size=${roomBytes}`)).to.equal(0);
      const {code, stdout, stderr} = await tazpod(owner, ['exec', ...flags, '--', 'sh', '-c', writer]);
      expect(stdout).to.include('full');
      expect(code, stderr).to.equal(74);
      expect(stderr).to.include('It is full, or the quota of its owner is used up.');
      await expectNothingLeft(sparse);
      expect(mount('remount,size=64M')).to.equal(0);
      expect(findDamage(sparse, {mend: true})).to.equal(undefined);
      await expectRecords({...sparse, flags}, stdout);
    } finally {
      unmount();
    }
  });

  it('the space in the vault: what was synced is there', async () => {
    const {stdout} = await tazpod(owner, ['exec', ...vault.flags, '--', 'sh', '-c', writer]);
    expect(stdout).to.include('full');
    await expectNothingLeft(vault);
    expect(findDamage(vault, {mend: true})).to.equal(undefined);
    await expectRecords(vault, stdout);
  });

  describe('memory', () => {
    let group: ControlGroup;

    before(() => {
      group = new ControlGroup(250);
    });

    after(() => group.remove());

    it('in the session: whomever the kernel kills, nothing is left and what was synced is there', async () => {
      const eat =
        'head -c 10 /dev/urandom | dd of=$HOME/secrets/record-1 conv=fsync status=none; echo eating; exec perl -e "my @a; push @a, q(x) x 1048576 while 1"';
      const session = startTazpod(owner, ['exec', ...vault.flags, '--', 'sh', '-c', eat]);
      group.add(session.pid);
      const {code} = await session.ended;
      expect(code).not.to.equal(0);
      await expectNothingLeft(vault);
      expect(findDamage(vault, {mend: true})).to.equal(undefined);
      const {stdout} = await tazpod(owner, ['exec', ...vault.flags, '--', 'sh', '-c', 'wc -c < ~/secrets/record-1']);
      expect(stdout.trim()).to.equal('10');
    });

    it('in the key derivation: the call says so and leaves nothing, and the vault opens when there is memory', async () => {
      const argon = planVault(owner);
      const slow = ['--pbkdf', 'argon2id', '--pbkdf-memory', '196608', '--pbkdf-force-iterations', '10'];
      const made = ['vault', 'create', ...argon.flags.slice(0, 2), ...argon.flags.slice(4), '--size', '32M', ...slow];
      const created = await tazpod(owner, made);
      expect(created.code, created.stderr).to.equal(0);
      const open = ['exec', ...argon.flags, '--', 'true'];
      const room = new ControlGroup(500);
      const eater = spawn('perl', ['-e', eatWhenTold], {stdio: ['pipe', 'pipe', 'inherit']});
      const eaterEnded = once(eater, 'exit');
      try {
        const unlock = startTazpod(owner, open);
        room.add(unlock.pid);
        room.add(eater.pid!);
        const deriving = await until('a key is derived', () =>
          processTree(unlock.pid).find(({command}) => /^\S*cryptsetup luksDump /.test(command)),
        );
        // It waits until the memory is eaten, so that it cannot be ready before on a busy machine.
        process.kill(deriving.pid, 'SIGSTOP');
        // It and no other: the kernel would choose by size, and the key derivation has not taken its memory yet.
        writeFileSync(`/proc/${deriving.pid}/oom_score_adj`, '1000');
        const full = once(eater.stdout, 'data');
        eater.stdin.write('\n');
        await full;
        // The kernel has ended it already if it had its memory.
        if (existsSync(`/proc/${deriving.pid}`)) process.kill(deriving.pid, 'SIGCONT');
        const {code, stderr} = await unlock.ended;
        expect(code, stderr).to.equal(69);
        expect(stderr).to.include('not enough memory');
        await expectNothingLeft(argon);
      } finally {
        eater.kill('SIGKILL');
        await eaterEnded;
        room.remove();
      }
      expect((await tazpod(owner, open)).code).to.equal(0);
    });
  });
});

/** Takes 350 MiB, says so, and keeps them. */
const eatWhenTold =
  '<STDIN>; my @eaten; push @eaten, q(x) x 1048576 for 1 .. 350; syswrite STDOUT, q(eaten); sleep 3600';

/** A control group of memory, of the first version or the second. */
class ControlGroup {
  readonly #folder: string;

  constructor(mebibytes: number) {
    const first = existsSync('/sys/fs/cgroup/memory');
    this.#folder = `/sys/fs/cgroup/${first ? 'memory/' : ''}tazpod-test-${process.pid}-${mebibytes}`;
    mkdirSync(this.#folder);
    writeFileSync(join(this.#folder, first ? 'memory.limit_in_bytes' : 'memory.max'), String(mebibytes * 2 ** 20));
    atTheEnd(() => this.remove());
  }

  add(pid: number): void {
    writeFileSync(join(this.#folder, 'cgroup.procs'), String(pid));
  }

  remove(): void {
    if (existsSync(this.#folder)) rmdirSync(this.#folder);
  }
}
