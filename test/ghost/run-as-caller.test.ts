import {expect} from 'chai';
import {spawnSync} from 'node:child_process';
import {closeSync, constants, mkdtempSync, openSync, rmSync, readlinkSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {Caller} from '../../src/ghost/caller.ts';
import {runAsCaller} from '../../src/ghost/run-as-caller.ts';
import {descendantsOf, signalProcess, type ProcessIdentity} from '../../src/kernel/process.ts';
import {readCommandLine, readProcessStatus} from '../../src/kernel/process-record.ts';
import {type ProgramResult, run} from '../../src/kernel/program.ts';
import {until} from '../bed/until.ts';
import {skip} from '../skip.ts';

/** A user that needs no account. */
const caller: Caller = {
  uid: 54_321,
  gid: 54_322,
  sessionUid: 54_321,
  sessionGid: 54_322,
  groups: [54_322, 54_323],
  home: '/nonexistent',
  isolation: 'sealed',
};

describe('A program that root runs with the ids of its caller', () => {
  let folder: string;
  let neverAnswers = -1;

  before(function () {
    if (process.getuid!() !== 0) skip(this, 'only root runs programs as somebody else');
    folder = mkdtempSync(join(tmpdir(), 'tazpod-caller-'));
    spawnSync('mkfifo', [join(folder, 'fifo')]);
    neverAnswers = openSync(join(folder, 'fifo'), constants.O_RDWR);
  });

  after(() => {
    if (neverAnswers === -1) return;
    closeSync(neverAnswers);
    rmSync(folder, {recursive: true});
  });

  /** Looks at a program that never ends by itself, and ends it. */
  async function whileItWaits(started: Promise<ProgramResult>, look: (program: ProcessIdentity) => void) {
    const program = await until('cat waits', () =>
      descendantsOf(process.pid).find(({pid}) => {
        const [name, file] = readCommandLine(pid) ?? [];
        return name?.toString().endsWith('/cat') === true && file?.toString() === '/proc/self/fd/3';
      }),
    );
    look(program);
    signalProcess(program, 'SIGKILL');
    await started;
  }

  /** What another process of the same user gets to see of a process. */
  function namespaceSeenByUser({pid}: ProcessIdentity) {
    const ids = [`--reuid=${caller.uid}`, `--regid=${caller.gid}`, '--clear-groups'];
    return spawnSync('setpriv', [...ids, 'readlink', `/proc/${pid}/ns/mnt`], {encoding: 'utf8'}).stdout;
  }

  it('shows its namespaces, and what is mounted there, to no other process of that user', async () => {
    const sealed = runAsCaller(caller, 'cat', ['/proc/self/fd/3'], [neverAnswers]);
    await whileItWaits(sealed, (program) => expect(namespaceSeenByUser(program)).to.equal(''));
  });

  it('would show them to every one if it only had the ids', async () => {
    const plain = run('cat', ['/proc/self/fd/3'], {
      as: {uid: caller.uid, gid: caller.gid},
      descriptors: [neverAnswers],
    });
    await whileItWaits(plain, (program) => expect(namespaceSeenByUser(program)).to.match(/^mnt:/));
  });

  it('has the ids and groups of the caller, no capability and no way to one', async () => {
    const waits = runAsCaller(caller, 'cat', ['/proc/self/fd/3'], [neverAnswers]);
    await whileItWaits(waits, ({pid}) => {
      const {uid, gid, groups, effectiveCapabilities, boundingCapabilities, noNewPrivileges} = readProcessStatus(pid)!;
      expect(Object.values(uid)).to.deep.equal(Array(4).fill(caller.uid));
      expect(Object.values(gid)).to.deep.equal(Array(4).fill(caller.gid));
      expect([...groups]).to.have.members([...caller.groups]);
      expect([effectiveCapabilities, boundingCapabilities, noNewPrivileges]).to.deep.equal([0n, 0n, true]);
    });
  });

  it('has no network if it is to have none', async () => {
    const script = 'cat /proc/net/dev | grep -c :; grep CapBnd /proc/self/status';
    const offline = await runAsCaller(caller, 'sh', ['-c', script], [], undefined, {offline: true});
    expect(offline.stdout.toString()).to.equal('1\nCapBnd:\t0000000000000000\n');
    const control = await runAsCaller(caller, 'sh', ['-c', 'readlink /proc/self/ns/net'], []);
    expect(control.stdout.toString().trim()).to.equal(readlinkSync('/proc/self/ns/net'));
    const own = await runAsCaller(caller, 'sh', ['-c', 'readlink /proc/self/ns/net'], [], undefined, {offline: true});
    expect(own.stdout.toString()).to.match(/^net:/).and.not.equal(control.stdout.toString());
  });
});
