import {expect} from 'chai';
import {examineDeviceMapper, examineFuse, examineLoop, type DeviceReport} from '../../src/doctor/devices.ts';
import {examineExt4, examineNamespaces, examineTerminals} from '../../src/doctor/kernel-features.ts';
import {removeTrees} from '../kernel/kernel-tree.ts';
import {patient} from './patient.ts';

const summary = ({access, finding}: DeviceReport) => [access, finding.verdict, finding.fix];
const userNamespace = {'proc/self/ns/user': '→user:[4026532290]'};

describe('the doctor on devices', () => {
  after(removeTrees);

  it('finds /dev/fuse usable, root’s only, not loaded, or not given to the container', () => {
    const fuse = (error: string | undefined, illness: Parameters<typeof patient>[0] = {}) =>
      summary(examineFuse(patient({...illness, ...(error === undefined ? {} : {closed: {fuse: error}})})));
    const loadable = {files: {'sys/modules/modules.dep': 'kernel/fs/fuse/fuse.ko:\n'}};
    const container = 'docker run --cap-add SYS_ADMIN --device /dev/fuse …';
    expect(fuse(undefined)).to.deep.equal(['usable', 'ok', undefined]);
    expect(fuse('EACCES')).to.deep.equal(['root only', 'warning', 'sudo chmod 666 /dev/fuse']);
    expect(fuse('EACCES', {uid: 0})).to.deep.equal(['absent', 'warning', container]);
    expect(fuse('EPERM', {uid: 0})).to.deep.equal(['absent', 'warning', container]);
    expect(fuse('EPERM', {...loadable, uid: 0})).to.deep.equal(['absent', 'warning', container]);
    expect(fuse('ENOENT')).to.deep.equal(['absent', 'warning', container]);
    expect(fuse('ENOENT', loadable)).to.deep.equal(['absent', 'warning', 'sudo modprobe fuse']);
    expect(fuse('ENODEV', {...loadable, uid: 0})).to.deep.equal(['absent', 'warning', 'modprobe fuse']);
  });

  it('finds loop devices of no use in a user namespace, and of root’s use for the rest', () => {
    const closed = (error: string) => ({closed: {'loop-control': error}});
    expect(summary(examineLoop(patient({uid: 0})))).to.deep.equal(['usable', 'ok', undefined]);
    expect(summary(examineLoop(patient(closed('EACCES'))))).to.deep.equal(['root only', 'ok', undefined]);
    expect(summary(examineLoop(patient({...closed('EPERM'), uid: 0})))).to.deep.equal(['absent', 'warning', undefined]);
    expect(summary(examineLoop(patient({files: userNamespace, uid: 0})))).to.deep.equal([
      'absent',
      'warning',
      undefined,
    ]);
    const unloaded = {'sys/class/misc/loop-control/dev': undefined, 'sys/modules/modules.dep': 'kernel/loop.ko:\n'};
    expect(summary(examineLoop(patient({...closed('ENOENT'), files: unloaded})))).to.deep.equal([
      'absent',
      'warning',
      'sudo modprobe loop',
    ]);
  });

  it('finds dm-crypt only where the module, the node and dmsetup are, and nothing to fix elsewhere', () => {
    const none = {'proc/misc': '229 fuse\n'};
    const modules = {
      'sys/modules/modules.dep': 'kernel/drivers/md/dm-mod.ko.xz:\nkernel/drivers/md/dm-crypt.ko.xz: x\n',
    };
    const withoutCrypt = {'sys/modules/modules.dep': 'kernel/drivers/md/dm-mod.ko.xz:\n'};
    const missingNode = {closed: {'mapper/control': 'ENOENT'}};
    const dm = (illness: Parameters<typeof patient>[0]) => summary(examineDeviceMapper(patient(illness)));

    expect(dm({uid: 0})).to.deep.equal(['usable', 'ok', undefined]);
    expect(dm({closed: {'mapper/control': 'EACCES'}})).to.deep.equal(['root only', 'ok', undefined]);
    expect(dm({uid: 0, files: none})).to.deep.equal(['absent', 'ok', undefined]);
    expect(dm({uid: 0, files: {...none, ...modules}, ...missingNode})).to.deep.equal(['usable', 'ok', undefined]);
    expect(dm({uid: 0, files: modules, ...missingNode})).to.deep.equal(['absent', 'ok', undefined]);
    expect(dm({uid: 0, files: withoutCrypt})).to.deep.equal(['absent', 'ok', undefined]);
    expect(dm({uid: 0, files: userNamespace})).to.deep.equal(['absent', 'ok', undefined]);
    expect(dm({uid: 0, closed: {'mapper/control': 'EPERM'}})).to.deep.equal(['absent', 'ok', undefined]);
    expect(dm({uid: 0, without: ['dmsetup']})).to.deep.equal(['absent', 'warning', 'apt-get install --yes dmsetup']);
    expect(dm({closed: {'mapper/control': 'EACCES'}, without: ['dmsetup']})).to.deep.equal([
      'absent',
      'warning',
      'sudo apt-get install --yes dmsetup',
    ]);
  });
});

describe('the doctor on the kernel', () => {
  after(removeTrees);

  it('names the namespaces that it lacks', () => {
    expect(examineNamespaces(patient())).to.include({verdict: 'ok'});
    const lacking = patient({files: {'proc/self/ns/ipc': undefined, 'proc/self/ns/user': undefined}});
    expect(examineNamespaces(lacking)).to.include({
      verdict: 'missing',
      detail: 'The kernel has no IPC, user namespaces.',
    });
  });

  it('finds ext4 in the kernel or as a module, and else warns', () => {
    const without = {'proc/filesystems': 'nodev\tfuse\n\text3\n'};
    expect(examineExt4(patient())).to.include({verdict: 'ok'});
    expect(examineExt4(patient({files: without}))).to.include({verdict: 'warning'});
    expect(examineExt4(patient({files: {'proc/filesystems': '\text4dev\n'}}))).to.include({verdict: 'warning'});
    const module = {...without, 'sys/modules/modules.dep': 'kernel/fs/ext4/ext4.ko:\n'};
    expect(examineExt4(patient({files: module}))).to.include({verdict: 'ok'});
  });

  it('misses terminals without devpts', () => {
    expect(examineTerminals(patient())).to.include({verdict: 'ok'});
    expect(examineTerminals(patient({files: {'proc/filesystems': '\text4\n'}}))).to.include({verdict: 'warning'});
  });
});
