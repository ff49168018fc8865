import {expect} from 'chai';
import {examineCoreDumps, examineMemory, examineSwap} from '../../src/doctor/memory.ts';
import {examineTerminal} from '../../src/doctor/terminal.ts';
import {examineTracing} from '../../src/doctor/tracing.ts';
import type {Terminal} from '../../src/kernel/terminal.ts';
import {removeTrees} from '../kernel/kernel-tree.ts';
import {patient} from './patient.ts';

const header = 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n';

describe('the doctor on memory', () => {
  after(removeTrees);

  it('warns of swap on a plain disk, and of none that is encrypted or in memory', () => {
    const disks = {'sys/class/block/sda2/dev': '8:2\n', 'sys/class/block/zram0/dev': '253:0\n'};
    const swap = (...names: string[]) =>
      examineSwap(
        patient({
          files: {...disks, 'proc/swaps': header + names.map((name) => `/dev/${name} partition 1 0 -2\n`).join('')},
        }),
      );
    expect(swap()).to.include({verdict: 'ok'});
    expect(swap('zram0')).to.include({verdict: 'ok'});
    expect(swap('zram0', 'sda2')).to.include({verdict: 'warning', fix: 'sudo swapoff /dev/sda2'});
    expect(swap('zram0', 'gone').detail).to.equal('TazPod cannot tell from here whether /dev/gone is encrypted.');
  });

  it('says how much a key derivation may use, and when that is too little', () => {
    const memory = (mebibytes: number) => examineMemory(patient({kdfMemoryLimitKiB: () => mebibytes * 1024}));
    expect(memory(1024)).to.include({verdict: 'ok'});
    expect(memory(512)).to.include({verdict: 'warning'}).and.not.to.have.property('fix');
    expect(memory(512).detail).to.include('512 MiB');
    expect(memory(32)).to.include({verdict: 'warning', fix: 'tazpod vault create --pbkdf pbkdf2'});
  });

  it('warns where any process of the user may look into the shell at which the passphrase is typed', () => {
    const tracing = (scope: string | undefined, uid = 1000) =>
      examineTracing(patient({uid, files: {'proc/sys/kernel/yama/ptrace_scope': scope}}));
    for (const scope of ['1', '2', '3']) expect(tracing(scope)).to.include({verdict: 'ok'});
    expect(tracing('0')).to.include({verdict: 'warning', fix: 'sudo sysctl -w kernel.yama.ptrace_scope=1'});
    expect(tracing('0').detail).to.include('kernel.yama.ptrace_scope is 0');
    expect(tracing(undefined)).to.include({verdict: 'warning'}).and.not.to.have.property('fix');
    expect(tracing('0', 0)).to.include({verdict: 'ok'});
  });

  it('says where core dumps go, and warns only of a kernel that cannot leave memory out', () => {
    const dumps = (pattern: string | undefined, files = {}) =>
      examineCoreDumps(patient({files: {'proc/sys/kernel/core_pattern': pattern, ...files}}));
    const noFilter = {'proc/self/coredump_filter': undefined};
    const noLimit = {'proc/self/limits': 'Max core file size        0                    0            bytes     \n'};
    expect(dumps('core')).to.include({verdict: 'ok'});
    expect(dumps(undefined)).to.include({verdict: 'ok', detail: 'The kernel writes no core dumps.'});
    expect(dumps('|/usr/share/apport/apport -p%p').detail).to.include('/usr/share/apport/apport, regardless');
    expect(dumps('|/usr/share/apport/apport -p%p')).to.include({verdict: 'ok'});
    expect(dumps('|/a', noFilter)).to.include({verdict: 'ok'});
    expect(dumps('|/a', {...noFilter, ...noLimit})).to.include({verdict: 'warning'});
    expect(dumps('|/a', noLimit)).to.include({verdict: 'ok'});
    expect(dumps('@/run/socket')).to.include({verdict: 'ok'});
    expect(dumps('@/run/socket', noFilter)).to.include({verdict: 'warning'});
    expect(dumps('core', {...noFilter, ...noLimit})).to.include({verdict: 'ok'});
  });
});

describe('the doctor on the terminal', () => {
  after(removeTrees);

  const mine: Terminal = {
    descriptor: 0,
    path: '/dev/pts/3',
    major: 136,
    minor: 3,
    pseudo: true,
    ownerUid: 1000,
    groupGid: 5,
    mode: 0o620,
  };
  const examine = (terminal: Terminal | undefined, uid = 1000) =>
    examineTerminal(patient({uid, terminal: () => terminal}));

  it('finds one that is the user’s own good, and none no harm', () => {
    expect(examine(mine)).to.include({verdict: 'ok', detail: '/dev/pts/3 is yours.'});
    expect(examine(undefined)).to.include({verdict: 'ok'});
  });

  it('warns of one that somebody else can read', () => {
    expect(examine({...mine, ownerUid: 1001})).to.include({verdict: 'warning', fix: 'script --quiet /dev/null'});
    expect(examine({...mine, ownerUid: 1001}, 0)).to.include({verdict: 'ok'});
    expect(examine({...mine, mode: 0o644})).to.include({verdict: 'warning', fix: 'chmod go-r /dev/pts/3'});
    expect(examine({...mine, mode: 0o640})).to.include({verdict: 'warning'});
  });
});
