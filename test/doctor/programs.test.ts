import {expect} from 'chai';
import {examineNode} from '../../src/doctor/node.ts';
import {examinePrograms} from '../../src/doctor/programs.ts';
import {removeTrees} from '../kernel/kernel-tree.ts';
import {patient, type Illness} from './patient.ts';

describe('the doctor on programs', () => {
  after(removeTrees);

  const finding = async (id: string, illness: Illness) =>
    (await examinePrograms(patient(illness))).find((candidate) => candidate.id === id)!;

  it('finds them well, with their versions', async () => {
    const findings = await examinePrograms(patient());
    expect(findings.map(({id, verdict, detail}) => [id, verdict, detail])).to.deep.equal([
      ['cryptsetup', 'ok', 'Version 2.6.1.'],
      ['util-linux', 'ok', 'Version 2.38.1.'],
      ['e2fsprogs', 'ok', 'Version 1.47.0.'],
      ['fuse2fs', 'ok', 'Version 1.47.0.'],
    ]);
  });

  it('names the package to install, once, and asks nothing of a program that is not there', async () => {
    const context = patient({without: ['flock', 'losetup', 'mount', 'unshare']});
    const found = (await examinePrograms(context)).find(({id}) => id === 'util-linux')!;
    expect(found).to.deep.include({verdict: 'missing', fix: 'sudo apt-get install --yes mount util-linux'});
    expect(found.detail).to.match(/^Not installed: flock, losetup, mount, unshare\./);
    expect(context.asked).not.to.include('unshare --version');
    expect((await finding('cryptsetup', {uid: 0, without: ['cryptsetup']})).fix).to.equal(
      'apt-get install --yes cryptsetup-bin',
    );
    expect(await finding('cryptsetup', {hasApt: false, without: ['cryptsetup']})).not.to.have.property('fix');
  });

  it('refuses a cryptsetup before 2.4 and takes 2.4', async () => {
    const says = (version: string): Illness => ({
      answers: {'cryptsetup --version': {stdout: `cryptsetup ${version}\n`}},
    });
    expect(await finding('cryptsetup', says('2.3.7'))).to.include({verdict: 'missing'});
    expect(await finding('cryptsetup', says('2.4.0 flags: UDEV'))).to.include({verdict: 'ok'});
    expect(await finding('cryptsetup', says('2.10.1'))).to.include({verdict: 'ok'});
  });

  it('reads a version from standard error too, and does not take silence for health', async () => {
    const onError = {'mke2fs -V': {stderr: 'mke2fs 1.46.5 (30-Dec-2021)\n'}};
    expect(await finding('e2fsprogs', {answers: onError})).to.include({verdict: 'ok', detail: 'Version 1.46.5.'});
    expect(await finding('e2fsprogs', {answers: {'mke2fs -V': {code: 1}}})).to.include({verdict: 'warning'});
  });

  it('only warns where fuse2fs is missing, because root with loop devices needs none', async () => {
    expect(await finding('fuse2fs', {without: ['fuse2fs']})).to.deep.include({
      verdict: 'warning',
      fix: 'sudo apt-get install --yes fuse2fs',
    });
  });

  it('finds a Node.js before 22.15 too old', () => {
    expect(examineNode(patient({nodeVersion: '22.14.0'}))).to.include({verdict: 'missing'});
    expect(examineNode(patient({nodeVersion: '22.15.0'}))).to.include({verdict: 'ok'});
  });
});
