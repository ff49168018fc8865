import {type ChildProcess, spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {chownSync, closeSync, mkdirSync, mkdtempSync, openSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {basename, join} from 'node:path';
import {expect} from 'chai';
import type {Caller} from '../../../src/ghost/caller.ts';
import {cleanVault} from '../../../src/ghost/cleaning/clean.ts';
import {describeBelongings, observe} from '../../../src/ghost/cleaning/observe.ts';
import {readLoopDevices} from '../../../src/kernel/loop.ts';
import {mountsAt, readMounts} from '../../../src/kernel/mountinfo.ts';
import {identifyProcess, isAlive} from '../../../src/kernel/process.ts';
import type {CleanAction, CleanOutcome, Observation} from '../../../src/lifecycle/cleaning.ts';
import {failureOf} from '../../failure-of.ts';
import {skip} from '../../skip.ts';

/** Nobody's ids: no account, and no process but those of these tests. */
const uid = 61_234;
const caller: Caller = {uid, gid: uid, sessionUid: uid, sessionGid: uid, groups: [], isolation: 'sealed'};

function call(command: string, ...args: string[]): string {
  const {status, stdout, stderr} = spawnSync(command, args, {encoding: 'utf8'});
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
  return stdout.trim();
}

describe('Cleaning up after a vault that others have opened', () => {
  let folder: string;
  let image: string;
  let mountPoint: string;
  let loops: string[];
  let children: ChildProcess[];

  before(function () {
    if (process.getuid!() !== 0) skip(this, 'only root can make loop devices and mounts: sudo npm test');
    if (spawnSync('losetup', ['--find']).status !== 0) skip(this, 'this kernel has no loop devices');
  });

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tazpod-clean-'));
    chownSync(folder, uid, uid);
    loops = [];
    children = [];
    image = makeImage('vault.img', uid);
    mountPoint = join(folder, 'mounted');
    mkdirSync(mountPoint);
  });

  afterEach(async () => {
    for (const child of children) {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
    spawnSync('umount', ['--recursive', '--quiet', mountPoint]);
    for (const loop of loops) spawnSync('losetup', ['--detach', loop]);
    rmSync(folder, {recursive: true});
  });

  /** A file system stands for the vault: what is mounted of an image counts, not how it was deciphered. */
  function makeImage(name: string, owner: number): string {
    const path = join(folder, name);
    call('truncate', '--size', '8M', path);
    call('mke2fs', '-q', '-F', path);
    chownSync(path, owner, owner);
    return path;
  }

  function attach(path = image): string {
    const loop = call('losetup', '--find', '--show', path);
    loops.push(loop);
    return basename(loop);
  }

  function mount(loop: string, where = mountPoint): void {
    call('mount', '-t', 'ext4', `/dev/${loop}`, where);
  }

  async function startHolder(script: string, as = uid, cwd = mountPoint): Promise<ChildProcess> {
    const child = spawn('sh', ['-c', `${script}; echo ready; exec sleep 1000`], {
      cwd,
      uid: as,
      gid: as,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    await once(child.stdout, 'data');
    return child;
  }

  const holderOf = ({pid}: ChildProcess) => ({...identifyProcess(pid!)!, command: 'sleep'});

  async function look(path = image): Promise<Observation> {
    const fd = openSync(path, 'r');
    try {
      return describeBelongings(path, await observe(caller, fd));
    } finally {
      closeSync(fd);
    }
  }

  async function clean(actions: readonly CleanAction[], path = image): Promise<CleanOutcome[]> {
    const told: CleanOutcome[] = [];
    await cleanVault(
      caller,
      {version: 1, operation: 'clean', image: path, actions},
      {
        say: (message) => {
          if (message.say !== 'acted') return;
          const {say: _say, index, ...outcome} = message;
          told[index] = outcome;
        },
        claimTerminal: async () => {},
        onSignal: () => {},
        onResumed: () => {},
        gone: new AbortController().signal,
        close: async () => {},
      },
    );
    return told;
  }

  const isAttached = (loop: string) => readLoopDevices().some(({name}) => name === loop);
  const isMounted = (path = mountPoint) => mountsAt(readMounts('self'), path).length > 0;

  it('finds the loop device, the mount, and every process that uses a file, a directory or a program of it', async () => {
    const loop = attach();
    mount(loop);
    call('cp', '/bin/sleep', join(mountPoint, 'sleep'));
    const inFolder = await startHolder('true');
    const withFile = await startHolder(`exec 3<${mountPoint}/sleep`, uid, '/');
    const running = spawn(join(mountPoint, 'sleep'), ['1000'], {cwd: '/', uid, gid: uid, stdio: 'ignore'});
    children.push(running);
    await startHolder('true', uid, '/');
    const seen = await look();
    expect(seen.loops).to.deep.equal([{name: loop, autoclear: false}]);
    expect(seen.mounts.map((each) => each.mountPoint)).to.include(mountPoint);
    expect(seen.holders.map(({pid}) => pid)).to.have.members([inFolder.pid, withFile.pid, running.pid]);
    expect(seen).to.deep.include({ghosts: [], mappings: []});
  });

  it('syncs, ends, unmounts and detaches, in this order or not at all', async function () {
    // A ghost of a test beside this one may begin just now: its mount namespace has a copy of this mount for a while.
    this.retries(3);
    const loop = attach();
    mount(loop);
    const child = await startHolder('true');
    const ended = once(child, 'exit');
    const outcomes = await clean([
      {do: 'sync', mountPoint, pid: 1},
      {do: 'unmount', mountPoint, pid: 1, lazy: false},
      {do: 'signal', holder: holderOf(child), signal: 'SIGTERM'},
      {do: 'wait', ms: 5000},
      {do: 'unmount', mountPoint, pid: 1, lazy: false},
      {do: 'unmount', mountPoint, pid: 1, lazy: true},
      {do: 'detach-loop', name: loop},
      {do: 'detach-loop', name: loop},
    ]);
    expect(outcomes).to.deep.equal([
      {outcome: 'done'},
      {outcome: 'failed', why: 'something uses it'},
      {outcome: 'done'},
      {outcome: 'done'},
      {outcome: 'done'},
      {outcome: 'nothing'},
      {outcome: 'done'},
      {outcome: 'nothing'},
    ]);
    await ended;
    expect([isMounted(), isAttached(loop)]).to.deep.equal([false, false]);
    expect(await look()).to.deep.include({holders: [], mounts: [], loops: []});
  });

  it('unmounts lazily under a process that does not end', async () => {
    const loop = attach();
    mount(loop);
    const child = await startHolder("trap '' TERM HUP");
    expect(await clean([{do: 'unmount', mountPoint, pid: 1, lazy: true}])).to.deep.equal([{outcome: 'done'}]);
    expect(isMounted()).to.equal(false);
    expect(isAlive(identifyProcess(child.pid!)!)).to.equal(true);
  });

  describe('touches nothing that is not of this image:', () => {
    let otherImage: string;
    let otherLoop: string;
    let otherMount: string;

    beforeEach(() => {
      otherImage = makeImage('other.img', uid);
      otherLoop = attach(otherImage);
      otherMount = join(mountPoint, 'other');
      mount(attach());
      mkdirSync(otherMount);
      mount(otherLoop, otherMount);
    });

    afterEach(() => {
      expect([isMounted(otherMount), isAttached(otherLoop)]).to.deep.equal([true, true]);
      spawnSync('umount', [otherMount]);
    });

    it('not the loop device of another image of the same user', async () => {
      expect(await clean([{do: 'detach-loop', name: otherLoop}])).to.deep.equal([
        {outcome: 'refused', why: 'it is not on this image'},
      ]);
    });

    it('not a mount of another file system, were it over one of its own', async () => {
      const refusal = {outcome: 'refused', why: 'it does not belong to this image'};
      for (const path of [otherMount, '/proc']) {
        const action = {do: 'unmount', mountPoint: path, pid: 1, lazy: true} as const;
        expect(await clean([action]), path).to.deep.equal([refusal]);
      }
      const covered = join(folder, 'covered');
      mkdirSync(covered);
      call('mount', '--bind', mountPoint, covered);
      call('mount', '--bind', otherMount, covered);
      try {
        expect(await clean([{do: 'unmount', mountPoint: covered, pid: 1, lazy: true}])).to.deep.equal([
          {outcome: 'refused', why: 'something else is mounted over it'},
        ]);
      } finally {
        spawnSync('umount', [covered]);
        spawnSync('umount', [covered]);
      }
    });

    it('not a process that does not use it, nor one that has got the number of one that did', async () => {
      const stranger = await startHolder('true', uid, otherMount);
      const child = await startHolder('true');
      const signalled = {do: 'signal', signal: 'SIGKILL'} as const;
      const {pid, startTicks} = holderOf(child);
      expect(
        await clean([
          {...signalled, holder: holderOf(stranger)},
          {...signalled, holder: {pid, startTicks: startTicks + 1, command: 'sleep'}},
          {...signalled, holder: {pid: 1, startTicks: identifyProcess(1)!.startTicks, command: 'init'}},
        ]),
      ).to.deep.equal([
        {outcome: 'refused', why: 'the process does not use this vault'},
        {outcome: 'nothing'},
        {outcome: 'refused', why: 'the process does not use this vault'},
      ]);
      for (const each of [stranger, child]) expect(isAlive(holderOf(each))).to.equal(true);
    });

    it('not another user’s process that uses it', async () => {
      const child = await startHolder('true', uid + 1);
      expect(await clean([{do: 'signal', holder: holderOf(child), signal: 'SIGKILL'}])).to.deep.equal([
        {outcome: 'refused', why: 'the process belongs to another user'},
      ]);
      expect(isAlive(holderOf(child))).to.equal(true);
    });

    it('no mapping that it does not have', async () => {
      expect(
        await clean([
          {do: 'close-mapping', name: 'root', deferred: false},
          {do: 'force-remove-mapping', name: 'root'},
        ]),
      ).to.deep.equal([{outcome: 'nothing'}, {outcome: 'nothing'}]);
    });

    it('not through another user’s image', async () => {
      const foreign = makeImage('foreign.img', 0);
      expect(await failureOf(() => clean([], foreign))).to.include({code: 77});
      expect(await failureOf(() => clean([], join(folder, 'missing.img')))).to.include({code: 66});
    });
  });

  it('leaves a mount in another namespace to the processes there', async () => {
    const loop = attach();
    const script = `mount -t ext4 /dev/${loop} ${mountPoint}; echo ready; exec sleep 1000`;
    const child = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    await once(child.stdout, 'data');
    expect((await look()).mounts).to.deep.equal([{mountPoint, pid: child.pid, shared: false}]);
    expect(await clean([{do: 'unmount', mountPoint, pid: child.pid!, lazy: true}])).to.deep.equal([
      {outcome: 'refused', why: 'it is mounted in another namespace, and ends with the processes there'},
    ]);
  });
});
