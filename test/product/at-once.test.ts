import {setTimeout as sleep} from 'node:timers/promises';
import {expect} from 'chai';
import {readMounts} from '../../src/kernel/mountinfo.ts';
import {allPids} from '../../src/kernel/process.ts';
import {readOpenVaults} from '../../src/kernel/open-vaults.ts';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {kill, processTree} from '../bed/process-tree.ts';
import {startTazpod, tazpod} from '../bed/run.ts';
import {openSession, untilOpen} from '../bed/session.ts';
import {until} from '../bed/until.ts';
import type {BedUser} from '../bed/user.ts';
import {makeVault, type TestVault} from '../bed/vault.ts';

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

describe('Several that open one vault at once', () => {
  let owner: BedUser;
  let vault: TestVault;

  before(async function () {
    needsRoot(this);
    owner = makeOwner();
    vault = await makeVault(owner);
  });

  afterEach(() => expectNothingLeft(vault));

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

  it('one wins and the others are told 75, where they do not want to join', async () => {
    const {ends, most} = await race(4, ['--no-join']);
    const codes = ends.map(({code}) => code).sort((one, other) => one - other);
    expect(codes, ends.map(({stderr}) => stderr).join('\n')).to.deep.equal([0, 75, 75, 75]);
    expect(most).to.deep.equal({fileSystems: 1, ghosts: 1});
  });

  it('are in one ghost together where they join, and never in two', async () => {
    const {ends, most} = await race(4, []);
    // Who comes in the moment between the lock and the session finds nothing to join yet, and waits or is told.
    const codes = ends.map(({code}) => code);
    expect(
      codes.filter((code) => code !== 0 && code !== 75),
      ends.map(({stderr}) => stderr).join('\n'),
    ).to.deep.equal([]);
    expect(codes).to.include(0);
    expect(most).to.deep.equal({fileSystems: 1, ghosts: 1});
  });
});

describe('A shell that joins an open ghost', () => {
  let owner: BedUser;
  let vault: TestVault;

  before(async function () {
    needsRoot(this);
    owner = makeOwner();
    vault = await makeVault(owner);
  });

  afterEach(() => expectNothingLeft(vault));

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
    const second = startTazpod(owner, ['exec', ...vault.flags, '--', 'sh', '-c', 'echo joined; sleep 1000']);
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
