import {spawnSync} from 'node:child_process';
import {cpSync} from 'node:fs';
import {basename, join} from 'node:path';
import {expect} from 'chai';
import {root} from '../../scripts/setup.js';
import {identifyProcess, membersOfPidNamespace} from '../../src/kernel/process.ts';
import {readLoopDevices} from '../../src/kernel/loop.ts';
import {mountsAt, readMounts} from '../../src/kernel/mountinfo.ts';
import {fuseForAll} from '../bed/fuse-for-all.ts';
import {expectNothingLeft} from '../bed/leftovers.ts';
import {makeOwner, needsRoot} from '../bed/owner.ts';
import {giveOwnPlugin} from '../bed/plugins.ts';
import {tazpod} from '../bed/run.ts';
import {openSession} from '../bed/session.ts';
import type {BedUser} from '../bed/user.ts';
import {makeVault, type TestVault} from '../bed/vault.ts';
import {skip} from '../skip.ts';

describe('vault clean', function () {
  this.timeout(180_000);
  let owner: BedUser;
  let vault: TestVault;
  let loops: string[];

  const clean = (...flags: string[]) => tazpod(owner, ['vault', 'clean', '--image', vault.image, ...flags]);

  before(async function () {
    needsRoot(this);
    if (spawnSync('losetup', ['--find']).status !== 0) skip(this, 'this kernel has no loop devices');
    owner = makeOwner();
    vault = await makeVault(owner);
  });

  beforeEach(() => {
    loops = [];
  });

  afterEach(async () => {
    for (const loop of loops) if (isAttached(loop)) spawnSync('losetup', ['--detach', `/dev/${loop}`]);
    await expectNothingLeft(vault);
  });

  /** What a program leaves that opened the vault by hand and died. */
  function leaveLoop(): string {
    const {stdout} = spawnSync('losetup', ['--find', '--show', vault.image], {encoding: 'utf8'});
    loops.push(basename(stdout.trim()));
    return loops.at(-1)!;
  }

  // A device that is free is soon somebody else's.
  const isAttached = (loop: string) =>
    readLoopDevices().some(({name, backingPath}) => name === loop && backingPath === vault.image);

  it('names the plugin that it needs', async () => {
    const {code, stderr} = await clean();
    expect(code).to.equal(69);
    expect(stderr).to.include('tazpod plugins install tazpod-smart-cleanup');
  });

  describe('with tazpod-smart-cleanup', () => {
    before(async () => {
      const plugin = join(owner.home, 'tazpod-smart-cleanup');
      cpSync(join(root, 'plugins/tazpod-smart-cleanup'), plugin, {recursive: true});
      spawnSync('chown', ['--recursive', `${owner.uid}:${owner.gid}`, plugin]);
      const {code, stderr} = await tazpod(owner, ['plugins', 'link', plugin]);
      expect(code, stderr).to.equal(0);
    });

    it('finds nothing where nothing is left', async () => {
      const {code, stdout} = await clean();
      expect([code, stdout]).to.deep.equal([0, 'Nothing to clean: only the image exists.\n']);
    });

    it('shows what it would do, and does it without asking where no process is concerned', async () => {
      const loop = leaveLoop();
      const dry = await clean('--dry-run');
      expect(dry.stdout).to.equal(
        `Found:\n  the loop device ${loop}\nThese actions would run:\n  detach the loop device ${loop}\n`,
      );
      expect(isAttached(loop)).to.equal(true);
      const {code, stdout, stderr} = await clean('--json');
      expect(code, stderr).to.equal(0);
      const {result} = JSON.parse(stdout) as {result: {actions: unknown; left: {loops: unknown}}};
      expect(result.actions).to.deep.equal([{action: {do: 'detach-loop', name: loop}, outcome: 'done'}]);
      expect(result.left.loops).to.deep.equal([]);
      expect(isAttached(loop)).to.equal(false);
    });

    it('touches no live session unasked, and ends it on request, which the session reports as a lock', async () => {
      const session = await openSession(vault);
      const refused = await clean();
      expect(refused.code).to.equal(75);
      expect(refused.stderr).to.include('Running processes use the vault; TazPod changed nothing.');
      expect((await session.ask('echo alive')).output).to.include('alive');
      const {code, stdout, stderr} = await clean('--yes');
      expect(code, stdout + stderr).to.equal(0);
      expect((await session.unlock.ended).code).to.equal(79);
    });

    it('ends a private session without a privilege', async () => {
      const session = await openSession(vault, ['--isolation', 'private'], {within: fuseForAll});
      const {code, stdout, stderr} = await clean('--yes');
      expect(code, stdout + stderr).to.equal(0);
      expect((await session.unlock.ended).code).to.equal(79);
    });

    it('comes behind a lock that has a strategy', async () => {
      const session = await openSession(vault);
      const loop = leaveLoop();
      const {code, stdout, stderr} = await tazpod(owner, ['lock', '--image', vault.image, '--strategy', 'smart']);
      expect(code, stderr).to.equal(0);
      expect(stdout).to.equal(`detach the loop device ${loop}\nThe vault is closed.\n`);
      expect((await session.unlock.ended).code).to.equal(79);
      expect(isAttached(loop)).to.equal(false);
    });
  });

  it('lets no strategy touch another vault, and says of each try that it was refused', async () => {
    const other = await makeVault(owner, {mountPoint: join(owner.home, 'other')});
    const session = await openSession(other);
    const {init} = session.running;
    const shell = identifyProcess(membersOfPidNamespace(init.pid)[1]!.pid)!;
    const [mount] = mountsAt(readMounts(init.pid), other.mountPoint);
    const loop = basename(mount!.source);
    expect(loop).to.match(/^loop\d+$/);
    const aims = [
      ...[init, shell].map((holder) => ({do: 'signal', holder: {...holder, command: 'x'}, signal: 'SIGKILL'})),
      {do: 'unmount', mountPoint: other.mountPoint, pid: init.pid, lazy: true},
      {do: 'detach-loop', name: loop},
    ];
    giveOwnPlugin(owner, 'tazpod-hostile', {
      'package.json': JSON.stringify({
        name: 'tazpod-hostile',
        version: '1.0.0',
        type: 'module',
        oclif: {},
        tazpod: {contract: 1, cleanupStrategies: {hostile: './strategy.js'}},
      }),
      'strategy.js': `export default {contract: 1, plan: () => (${JSON.stringify(aims)})};`,
    });

    const {stdout, stderr} = await clean('--strategy', 'hostile', '--yes', '--json');

    const {result} = JSON.parse(stdout) as {result: {strategy: string; actions: {outcome?: string}[]}};
    expect(result.strategy, stderr).to.equal('hostile');
    expect(result.actions).to.have.length(aims.length);
    const outcomes = result.actions.map(({outcome}) => outcome);
    expect(outcomes.slice(0, 2)).to.deep.equal(['refused', 'refused']);
    // A mount of another vault does not exist for it.
    expect(outcomes).not.to.include.oneOf(['done', 'failed']);
    expect((await session.ask('echo alive')).output).to.include('alive');
    expect(readLoopDevices().map(({name}) => name)).to.include(loop);
    await session.leave();
  });
});
