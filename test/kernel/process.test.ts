import {spawn, type ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import {expect} from 'chai';
import {
  allPids,
  childrenOf,
  continueStopped,
  descendantsOf,
  identifyProcess,
  isAlive,
  membersOfPidNamespace,
  signalProcess,
  startedAt,
} from '../../src/kernel/process.ts';
import type {KernelRoots} from '../../src/kernel/kernel-file.ts';
import {readNamespace, readProcessStat} from '../../src/kernel/process-record.ts';
import {until} from '../bed/until.ts';
import {skip} from '../skip.ts';
import {machine, removeTrees} from './kernel-tree.ts';

/** Starts a program that lives until its standard input ends, and waits until it works. */
async function startReader(command: string, ...args: string[]): Promise<ChildProcess> {
  const child = spawn(command, args, {stdio: ['pipe', 'pipe', 'inherit']});
  child.stdin.write('ready\n');
  await once(child.stdout, 'data');
  return child;
}

const stat = (pid: number, ppid: number, startTicks: number): string =>
  `${pid} (p) S ${ppid} 1 1 0 -1 ${'0 '.repeat(13)}${startTicks} 0\n`;

describe('a process', () => {
  after(removeTrees);

  it('is alive until it has ended, even when nobody has waited for it yet', async () => {
    const child = await startReader('cat');
    const identity = identifyProcess(child.pid!)!;
    expect(isAlive(identity)).to.equal(true);
    child.stdin!.end();
    await once(child, 'exit');
    expect(isAlive(identity)).to.equal(false);
    const zombie = machine({'proc/5/stat': stat(5, 1, 100).replace(') S', ') Z')});
    expect(isAlive({pid: 5, startTicks: 100}, zombie)).to.equal(false);
  });

  it('goes on when it was stopped, and no later one with the same pid does', async () => {
    const child = await startReader('cat');
    const identity = identifyProcess(child.pid!)!;
    const isStopped = () => readProcessStat(child.pid!)?.state === 'T';
    child.kill('SIGSTOP');
    await until('it is stopped', isStopped);
    continueStopped([{...identity, startTicks: identity.startTicks - 1}]);
    expect(isStopped()).to.equal(true);
    continueStopped([identity]);
    await until('it goes on', () => !isStopped());
    child.stdin!.end();
    await once(child, 'exit');
  });

  it('is distinguished from a later one with the same pid', async () => {
    const roots = machine({'proc/5/stat': stat(5, 1, 200)});
    expect(identifyProcess(5, roots)).to.deep.equal({pid: 5, startTicks: 200});
    expect(isAlive({pid: 5, startTicks: 200}, roots)).to.equal(true);
    expect(isAlive({pid: 5, startTicks: 100}, roots)).to.equal(false);
  });

  it('gets a signal, and one that only has its pid gets none', async () => {
    const child = await startReader('cat');
    const {pid, startTicks} = identifyProcess(child.pid!)!;
    expect(signalProcess({pid, startTicks: startTicks + 1}, 'SIGKILL')).to.equal(false);
    expect(isAlive({pid, startTicks})).to.equal(true);
    expect(signalProcess({pid, startTicks}, 'SIGTERM')).to.equal(true);
    const [, signal] = (await once(child, 'exit')) as [number | null, string];
    expect(signal).to.equal('SIGTERM');
    expect(signalProcess({pid, startTicks}, 'SIGTERM')).to.equal(false);
  });

  it('started when the clock says so, to a second', async () => {
    const before = Date.now();
    const child = await startReader('cat');
    const started = startedAt(identifyProcess(child.pid!)!)!.getTime();
    child.stdin!.end();
    expect(started).to.be.within(before - 1500, Date.now() + 1500);
    const roots = machine({'proc/stat': 'cpu  1 2 3\nbtime 1700000000\n'});
    expect(startedAt({pid: 5, startTicks: 150}, roots)).to.deep.equal(new Date(1_700_000_001_500));
    expect(startedAt({pid: 5, startTicks: 150}, machine({}))).to.equal(undefined);
  });
});

describe('the tree of processes', () => {
  after(removeTrees);

  let family: KernelRoots;
  before(() => {
    family = machine({
      'proc/1/stat': stat(1, 0, 1),
      'proc/10/stat': stat(10, 1, 2),
      'proc/9/stat': stat(9, 10, 3),
      'proc/100/stat': stat(100, 9, 4),
      'proc/11/stat': stat(11, 10, 5),
      'proc/12/stat': stat(12, 1, 6),
      'proc/uptime': '1 1\n',
    });
  });
  const pids = (processes: {pid: number}[]): number[] => processes.map(({pid}) => pid);

  it('lists every process once, in order', () => {
    expect(allPids(family)).to.deep.equal([1, 9, 10, 11, 12, 100]);
    expect(allPids()).to.include(process.pid);
  });

  it('has children, and their children after them', () => {
    expect(pids(childrenOf(10, family))).to.deep.equal([9, 11]);
    expect(pids(descendantsOf(10, family))).to.deep.equal([9, 11, 100]);
    expect(descendantsOf(12, family)).to.deep.equal([]);
    expect(descendantsOf(10, family)[0]).to.deep.equal({pid: 9, startTicks: 3});
  });

  it('ends, even where pids were used again while it was read and it bites its own tail', () => {
    const loop = machine({'proc/5/stat': stat(5, 6, 1), 'proc/6/stat': stat(6, 5, 2)});
    expect(pids(descendantsOf(5, loop))).to.deep.equal([6]);
  });

  it('is the one that the kernel has', async () => {
    const child = await startReader('sh', '-c', 'cat; exit');
    const [grandchild] = childrenOf(child.pid!);
    expect(pids(childrenOf(process.pid))).to.include(child.pid!);
    expect(pids(descendantsOf(process.pid))).to.include.members([child.pid!, grandchild!.pid]);
    child.stdin!.end();
    await once(child, 'exit');
  });
});

describe('a PID namespace', () => {
  after(removeTrees);

  it('holds what descends from its init, where the caller may not see namespaces', () => {
    const roots = machine({
      'proc/1/stat': stat(1, 0, 1),
      'proc/20/stat': stat(20, 1, 2),
      'proc/21/stat': stat(21, 20, 3),
      'proc/22/stat': stat(22, 21, 4),
      'proc/30/stat': stat(30, 1, 5),
    });
    expect(membersOfPidNamespace(20, roots).map(({pid}) => pid)).to.deep.equal([20, 21, 22]);
    expect(membersOfPidNamespace(99, roots)).to.deep.equal([]);
  });

  it('holds a process that entered it from outside, where the caller may see namespaces', async function () {
    if (process.getuid!() !== 0) skip(this, 'only root makes a PID namespace without a user namespace');
    const unshare = await startReader(
      'unshare',
      '--pid',
      '--fork',
      '--kill-child',
      '--mount-proc',
      'sh',
      '-c',
      'cat; exit',
    );
    const [init] = childrenOf(unshare.pid!);
    const visitor = await startReader('nsenter', '--pid', '--target', String(init!.pid), 'cat');
    try {
      const [guest] = childrenOf(visitor.pid!);
      const members = membersOfPidNamespace(init!.pid);
      expect(members[0]).to.deep.equal(init);
      expect(members.map(({pid}) => pid)).to.include(guest!.pid);
      expect(members).to.have.length(3);
      for (const {pid} of members) expect(readNamespace(pid, 'pid')).to.equal(readNamespace(init!.pid, 'pid'));
    } finally {
      unshare.kill('SIGKILL');
      visitor.stdin!.end();
    }
  });
});
