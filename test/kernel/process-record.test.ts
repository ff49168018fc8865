import {spawn, type ChildProcess} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, rmSync, symlinkSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import fc from 'fast-check';
import {
  ownerUid,
  parseCommandLine,
  parseProcessStat,
  parseProcessStatus,
  readCommandLine,
  readNamespace,
  readNamespaces,
  readProcessStat,
  readProcessStatus,
} from '../../src/kernel/process-record.ts';

/** Recorded on Linux 6.18; the name is that of a program `a) R (b c`. */
const recordedStat = Buffer.from(
  '5044 (a) R (b c) S 5031 5044 3527 34816 5044 4194304 116 0 0 0 0 0 0 0 20 0 1 0 131581 3133440 433 ' +
    '18446744073709551615 94 94 14 0 0 0 0 0 0 0 0 0 17 0 0 0 0 0 0 94 94 94 14 14 14 14 0\n',
);

/** Recorded on Linux 6.18 inside a PID namespace of a user, shortened. */
const recordedStatus = `Name:\tbash\\nUid:\t7\t7\t7\t7
Umask:\t0022
State:\tS (sleeping)
Tgid:\t5044
Pid:\t5044
PPid:\t5031
Uid:\t1000\t1001\t1002\t1003
Gid:\t100\t101\t102\t103
FDSize:\t256
Groups:\t24 27 1000\x20
NStgid:\t5044\t12\t1
NSpid:\t5044\t12\t1
Kthread:\t0
CapInh:\t0000000000000000
CapEff:\t000001fffeffffff
CapBnd:\t0000000000000001
NoNewPrivs:\t1
Seccomp:\t2
`;

describe('the stat line of a process', () => {
  it('is read with any characters in the name of the program', () => {
    expect(parseProcessStat(recordedStat)).to.deep.equal({
      pid: 5044,
      comm: 'a) R (b c',
      state: 'S',
      ppid: 5031,
      processGroup: 5044,
      session: 3527,
      terminalDevice: 34816,
      foregroundGroup: 5044,
      startTicks: 131581,
    });
  });

  it('is read for any name of fifteen bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({maxLength: 15}), fc.nat(), (name, startTicks) => {
        const rest = ` S 1 2 3 0 -1 ${'0 '.repeat(13)}${startTicks} 0 0\n`;
        const line = Buffer.concat([Buffer.from('77 ('), Buffer.from(name), Buffer.from(')' + rest)]);
        expect(parseProcessStat(line)).to.include({pid: 77, ppid: 1, startTicks, comm: Buffer.from(name).toString()});
      }),
    );
  });

  it('that is cut off or none at all is no process', () => {
    for (const line of [
      '',
      '5',
      '5 (a',
      '5 a) S',
      '5 (a) S 1 2 3',
      'x (a) S 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0',
    ]) {
      expect(parseProcessStat(Buffer.from(line)), line).to.equal(undefined);
    }
  });
});

describe('the status of a process', () => {
  it('says whose it is, what it may do and which namespaces it lies in', () => {
    expect(parseProcessStatus(Buffer.from(recordedStatus))).to.deep.equal({
      pid: 5044,
      ppid: 5031,
      uid: {real: 1000, effective: 1001, saved: 1002, fileSystem: 1003},
      gid: {real: 100, effective: 101, saved: 102, fileSystem: 103},
      groups: [24, 27, 1000],
      nsPids: [5044, 12, 1],
      effectiveCapabilities: 0x1fffeffffffn,
      boundingCapabilities: 1n,
      noNewPrivileges: true,
      seccomp: 'filter',
      umask: 0o022,
    });
  });

  it('of a kernel without PID namespaces has the pid alone', () => {
    const old = recordedStatus.replace(/^NS.*\n/gm, '').replace(/^Seccomp.*\n/m, '');
    expect(parseProcessStatus(Buffer.from(old))).to.deep.include({nsPids: [5044], seccomp: 'none'});
  });

  it('never throws on any bytes', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void parseProcessStatus(Buffer.from(bytes))));
    expect(parseProcessStatus(Buffer.from('Pid:\t1\n'))).to.equal(undefined);
  });
});

describe('the command line of a process', () => {
  it('keeps empty arguments and arguments that are not UTF-8', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.uint8Array().map((bytes) => bytes.filter((byte) => byte !== 0)),
          {minLength: 1},
        ),
        (args) => {
          const file = Buffer.concat(args.flatMap((argument) => [Buffer.from(argument), Buffer.from([0])]));
          expect(parseCommandLine(file).map((argument) => [...argument])).to.deep.equal(
            args.map((argument) => [...argument]),
          );
        },
      ),
    );
  });

  it('that a program rewrote without a zero byte at its end is read too', () => {
    expect(parseCommandLine(Buffer.from('nginx: worker')).map(String)).to.deep.equal(['nginx: worker']);
    expect(parseCommandLine(Buffer.alloc(0))).to.deep.equal([]);
  });
});

describe('a living process', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tazpod-process-'));
  const program = join(folder, 'a) Z (b');
  let child: ChildProcess;
  before(async () => {
    symlinkSync('/bin/cat', program);
    child = spawn(program, ['-', ''], {stdio: ['pipe', 'pipe', 'ignore']});
    child.stdin!.write('ready');
    await once(child.stdout!, 'data');
  });
  after(() => {
    child.kill('SIGKILL');
    rmSync(folder, {recursive: true});
  });

  it('is read as the kernel shows it', () => {
    const stat = readProcessStat(child.pid!)!;
    expect(stat).to.include({pid: child.pid!, ppid: process.pid, comm: 'a) Z (b'});
    expect(readProcessStatus(child.pid!)).to.deep.include({pid: child.pid, ppid: process.pid});
    expect(readProcessStatus(child.pid!)!.uid.effective).to.equal(process.geteuid!());
    expect(ownerUid(child.pid!)).to.equal(process.geteuid!());
    expect(readCommandLine(child.pid!)!.map(String)).to.deep.equal([program, '-', '']);
  });

  it('lies in the namespaces of its parent', () => {
    expect(readNamespace(child.pid!, 'mnt')).to.be.a('number').and.equal(readNamespace('self', 'mnt'));
    expect(readNamespaces(child.pid!)).to.deep.equal(readNamespaces('self'));
    expect(readNamespaces('self')).to.include.keys('ipc', 'mnt', 'pid', 'user');
  });

  it('that is not there has neither record nor owner nor namespaces', () => {
    const nobody = 2 ** 22 + 1;
    expect(readProcessStat(nobody)).to.equal(undefined);
    expect(readProcessStatus(nobody)).to.equal(undefined);
    expect(readCommandLine(nobody)).to.equal(undefined);
    expect(ownerUid(nobody)).to.equal(undefined);
    expect(readNamespaces(nobody)).to.deep.equal({});
  });
});
