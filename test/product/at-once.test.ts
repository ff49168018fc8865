import {setTimeout as sleep} from 'node:timers/promises';
import {expect} from 'chai';
import {readMounts} from '../../src/kernel/mountinfo.ts';
import {allPids} from '../../src/kernel/process.ts';
import {isLocked} from '../../src/kernel/file-lock.ts';
import {readOpenVaults} from '../../src/kernel/open-vaults.ts';
import {fuseForAll} from '../bed/fuse-for-all.ts';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {withOwnVault} from '../bed/own-vault.ts';
import {kill, processTree} from '../bed/process-tree.ts';
import {type Ended, startTazpod, tazpod} from '../bed/run.ts';
import {openSession, untilOpen} from '../bed/session.ts';
import {until} from '../bed/until.ts';
import type {BedUser} from '../bed/user.ts';
import {planVault, quickKdf, type TestVault} from '../bed/vault.ts';

/** The file systems that are mounted on the mount point, in any namespace, and the ghosts of the image. */
function countOf({image, mountPoint}: TestVault): {fileSystems: number; ghosts: number} {
  const devices = allPids().flatMap((pid) => {
    try {
      return readMounts(pid)
        .filter((mount) => mount.mountPoint === mountPoint)
        .map(({major, minor}) => `${major}:${minor}`);
    } catch {
      return [];
    }
  });
  const ghosts = readOpenVaults().filter((vault) => vault.image === image);
  return {fileSystems: new Set(devices).size, ghosts: ghosts.length};
}

describe('Several that open one vault at once', function () {
  this.timeout(90_000);
  let owner: BedUser;
  let vault: TestVault;

  withOwnVault((own) => ({owner, vault} = own));

  /** Starts several sessions at the same time, each of which stays for a moment, and watches the kernel meanwhile. */
  async function race(count: number, flags: readonly string[]) {
    const most = {fileSystems: 0, ghosts: 0};
    const command = ['--', 'sh', '-c', 'echo in; sleep 1'];
    const all = Array.from({length: count}, () => startTazpod(owner, ['exec', ...vault.flags, ...flags, ...command]));
    const ends = Promise.all(all.map(({ended}) => ended));
    let over = false;
    void ends.finally(() => (over = true)).catch(() => {});
    const isOver = () => over;
    while (!isOver()) {
      const now = countOf(vault);
      most.fileSystems = Math.max(most.fileSystems, now.fileSystems);
      most.ghosts = Math.max(most.ghosts, now.ghosts);
      await sleep(20);
    }
    return {ends: await ends, most};
  }

  it('one wins and the others end with 75, where they do not want to join', async () => {
    const {ends, most} = await race(4, ['--no-join']);
    const codes = ends.map(({code}) => code).sort((one, other) => one - other);
    expect(codes, ends.map(({stderr}) => stderr).join('\n')).to.deep.equal([0, 75, 75, 75]);
    expect(most).to.deep.equal({fileSystems: 1, ghosts: 1});
  });

  it('are in one ghost together where they join, and never in two', async () => {
    const {ends, most} = await race(4, []);
    expectAllIn(ends);
    expect(most).to.deep.equal({fileSystems: 1, ghosts: 1});
  });

  for (const isolation of ['sealed', 'private'] as const) {
    it(`all get in, whether the ghost before them opens, runs or closes (${isolation})`, async () => {
      const within = isolation === 'private' ? fuseForAll : [];
      // Short sessions that begin one after the other: each comes at another moment of the one before.
      const all = Array.from({length: 4}, async (_, index) => {
        await sleep(index * 250);
        return tazpod(owner, ['exec', ...vault.flags, '--isolation', isolation, '--', 'sh', '-c', 'echo in'], {within});
      });
      expectAllIn(await Promise.all(all));
    });
  }

  it('get no longer than --wait, and report what holds the vault', async () => {
    // A passphrase prompt has the lock, and no session.
    const asked = startTazpod(owner, ['exec', '--image', vault.image, '--passphrase-file', '-', '--', 'true']);
    await until('the image is locked', () => isLocked(vault.image));
    const [late, lock] = await Promise.all([
      tazpod(owner, ['exec', ...vault.flags, '--wait', '2', '--', 'true']),
      tazpod(owner, ['lock', '--image', vault.image, '--wait', '1']),
    ]);
    expect(late.code).to.equal(75);
    expect(late.ms).to.be.at.least(2000);
    expect(late.stderr)
      .to.match(/waiting up to 2 s/)
      .and.match(/asking for its passphrase/);
    expect(lock.code).to.equal(75);
    expect(lock.stderr).to.match(/asking for the passphrase/);
    asked.type(`${vault.passphrase}\n`);
    expect((await asked.ended).code).to.equal(0);
  });

  it('are closed by a lock that came while they were being opened', async () => {
    const opening = startTazpod(owner, ['exec', ...vault.flags, '--', 'sleep', '1000']);
    await until('the image is locked', () => isLocked(vault.image));
    expect(readOpenVaults().some(({image}) => image === vault.image)).to.equal(false);
    const lock = await tazpod(owner, ['lock', '--image', vault.image]);
    expect(lock.code, lock.stderr).to.equal(0);
    expect((await opening.ended).code).to.equal(79);
  });

  it('create it once if it does not exist, and then open it together', async () => {
    const fresh = planVault(owner);
    const create = ['--create', '--size', '32M', ...quickKdf];
    const all = Array.from({length: 3}, () => startTazpod(owner, ['unlock', ...fresh.flags, ...create]));
    for (const each of all) each.type('echo in; exit\n');
    expectAllIn(await Promise.all(all.map(({ended}) => ended)));
    await expectNothingLeft(fresh);
  });

  it('make it once with "vault create", and the others say that it is there', async () => {
    const fresh = planVault(owner);
    const create = [
      'vault',
      'create',
      ...fresh.flags.slice(0, 2),
      ...fresh.flags.slice(4),
      '--size',
      '32M',
      ...quickKdf,
    ];
    const ends = await Promise.all(Array.from({length: 3}, () => tazpod(owner, create)));
    expect(ends.map(({code}) => code).sort((one, other) => one - other)).to.deep.equal([0, 73, 73]);
    expect((await tazpod(owner, ['exec', ...fresh.flags, '--', 'true'])).code).to.equal(0);
    await expectNothingLeft(fresh);
  });
});

function expectAllIn(ends: readonly Ended[]): void {
  const told = ends.map(({stderr}) => stderr).join('\n');
  expect(
    ends.map(({code, stdout}) => [code, stdout]),
    told,
  ).to.deep.equal(ends.map(() => [0, 'in\n']));
}

describe('A shell that joins an open ghost', () => {
  let owner: BedUser;
  let vault: TestVault;

  withOwnVault((own) => ({owner, vault} = own));

  it('is not waited for by the first one, who gets his exit code at once', async () => {
    const first = await openSession(vault);
    const second = await openSession(vault);
    first.unlock.type('exit 3\n');
    // The ghost stays, and with it the pipes that it was given: the end of the CLI is what counts.
    await until('the CLI ends', () => first.unlock.child.exitCode !== null);
    expect(first.unlock.child.exitCode).to.equal(3);
    second.unlock.type('exit 4\n');
    expect((await second.unlock.ended).code).to.equal(4);
  });

  it('is ended with 79 by a lock, as the first is', async () => {
    const sessions = [await openSession(vault), await openSession(vault)];
    // The first is gone at the SIGHUP, while the second still lives.
    await sessions[1]!.ask("trap '' HUP");
    expect((await tazpod(owner, ['lock', '--image', vault.image, '--grace', '1'])).code).to.equal(0);
    for (const {unlock} of sessions) expect((await unlock.ended).code).to.equal(79);
  });

  it('ends with the ghost that it has joined, and leaves nothing, when that one is killed', async () => {
    const first = await openSession(vault);
    const second = await openSession(vault);
    const tree = [...processTree(first.unlock.pid), ...processTree(second.unlock.pid)];
    kill(tree.find(({role}) => role === 'the ghost')!);
    await expectNothingLeft(vault, {processes: tree});
    await Promise.all([first.unlock.ended, second.unlock.ended]);
  });

  it('may be killed without harm to the others', async () => {
    const first = await openSession(vault);
    const second = startTazpod(owner, ['exec', ...vault.flags, '--', 'sh', '-c', 'echo joined; exec sleep 1000']);
    await second.seen(/^joined$/m);
    const tree = processTree(second.pid);
    for (const process of tree) kill(process);
    await second.ended;
    await until('the shells are one again', async () =>
      /shells +1\b/.test((await tazpod(owner, ['vault', 'list'])).stdout),
    );
    expect((await first.ask('ls /proc | grep -c "^[0-9]*$"')).code).to.equal(0);
    expect((await untilOpen(vault)).init).to.deep.equal(first.running.init);
    await first.leave();
  });
});
