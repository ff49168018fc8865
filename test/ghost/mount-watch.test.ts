import {expect} from 'chai';
import {type ChildProcess, spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {type MountWatch, watchMount} from '../../src/ghost/mount-watch.ts';
import {mountsAt, readMounts} from '../../src/kernel/mountinfo.ts';
import {atTheEnd} from '../bed/made-by.ts';
import {skip} from '../skip.ts';

/** Renames a file there and back as fast as it can. */
const storm =
  'my ($one, $other) = @ARGV; $| = 1; print "storm\\n"; while (1) { rename $one, $other; rename $other, $one }';

describe('The eye on the mount point', () => {
  let home: string;
  let mountPoint: string;
  let eye: MountWatch;
  const unmount = () => spawnSync('umount', ['--lazy', mountPoint]).status;

  before(function () {
    if (process.getuid!() !== 0) skip(this, 'only root can mount');
    home = mkdtempSync(join(tmpdir(), 'tazpod-test-eye-'));
    mountPoint = join(home, 'secrets');
    mkdirSync(mountPoint);
    atTheEnd(() => rmSync(home, {recursive: true, force: true}));
    atTheEnd(unmount);
  });

  beforeEach(() => {
    expect(spawnSync('mount', ['-t', 'tmpfs', 'tazpod-test', mountPoint]).status).to.equal(0);
    eye = watchMount(home, mountPoint, mountsAt(readMounts('self'), mountPoint).at(-1)!);
  });

  afterEach(() => {
    eye.stop();
    unmount();
  });

  it('sees that the vault is gone as soon as something happens beside it', async () => {
    expect(unmount()).to.equal(0);
    const startedMs = performance.now();
    writeFileSync(join(home, 'beside'), '');
    await eye.lost;
    // Sooner than by asking from time to time.
    expect(performance.now() - startedMs).to.be.lessThan(900);
  });

  it('leaves the ghost time for everything else, however much happens beside the mount point', async () => {
    const child = await startStorm();
    const startedMs = performance.now();
    for (let turn = 0; turn < 20; turn++) await sleep(10);
    const tookMs = performance.now() - startedMs;
    await end(child);
    expect(tookMs).to.be.lessThan(5000);
  });

  it('sees it in such a storm too', async () => {
    const child = await startStorm();
    expect(unmount()).to.equal(0);
    await eye.lost;
    await end(child);
  });

  async function startStorm(): Promise<ChildProcess> {
    writeFileSync(join(home, 'one'), '');
    const child = spawn('perl', ['-e', storm, join(home, 'one'), join(home, 'other')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    return child;
  }
});

async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}
