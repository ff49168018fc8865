import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {examineMountPoint} from '../../src/doctor/mount-point.ts';
import {examineProc} from '../../src/doctor/proc.ts';
import {removeTrees} from '../kernel/kernel-tree.ts';
import {patient} from './patient.ts';

describe('the doctor on /proc', () => {
  after(removeTrees);

  const proc = (options: string, uid = 1000) =>
    examineProc(
      patient({uid, files: {'proc/self/mountinfo': `25 30 0:22 / /proc rw,nosuid - proc proc ${options}\n`}}),
    );

  it('warns where it hides the processes of root, from which open vaults are known', () => {
    expect(proc('rw').verdict).to.equal('ok');
    expect(proc('rw,hidepid=0').verdict).to.equal('ok');
    for (const hidden of ['hidepid=2', 'hidepid=invisible', 'hidepid=ptraceable']) {
      expect(proc(`rw,gid=5,${hidden}`)).to.include({verdict: 'warning', fix: 'sudo mount -o remount,hidepid=0 /proc'});
    }
    expect(proc('rw,hidepid=2', 0).verdict).to.equal('ok');
  });
});

describe('the doctor on the mount point', () => {
  it('warns of what lies there outside the vault', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tazpod-mount-point-'));
    const examine = () => examineMountPoint(patient({mountPoint: folder}));
    expect(examine().verdict).to.equal('ok');
    for (const name of ['a', 'b', 'c', 'd\u001b']) writeFileSync(join(folder, name), '');
    const {verdict, detail} = examine();
    rmSync(folder, {recursive: true});
    removeTrees();
    expect(verdict).to.equal('warning');
    expect(detail).to.include('"a", "b", "c", and 1 more');
    expect(examineMountPoint(patient()).verdict).to.equal('ok');
  });
});
