import {rmSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {thisMachine} from '../../src/doctor/context.ts';
import {diagnose} from '../../src/doctor/diagnose.ts';
import {removeTrees} from '../kernel/kernel-tree.ts';
import {skip} from '../skip.ts';
import {patient, type Illness} from './patient.ts';
import {makeRootsInstall} from './roots-install.ts';

describe('the doctor', () => {
  after(removeTrees);

  it('looks at everything once, in a form that JSON keeps', async () => {
    const diagnosis = await diagnose(patient());
    const ids = diagnosis.findings.map(({id}) => id);
    expect(ids).to.have.length(22);
    expect(new Set(ids).size).to.equal(ids.length);
    expect(JSON.parse(JSON.stringify(diagnosis))).to.deep.equal(diagnosis);
    for (const {title, detail} of diagnosis.findings) {
      expect(title).not.to.be.empty;
      expect(detail).to.match(/^.*\.$/);
    }
  });

  it('concludes from what it found', async () => {
    const {conclusion} = await diagnose(patient({entry: import.meta.filename, uid: 0}));
    expect(conclusion).to.include({engine: 'dm-crypt', isolation: 'sealed'});
    const ill = await diagnose(patient({uid: 0, without: ['cryptsetup']}));
    expect(ill.conclusion.isolation).to.equal('none');
    expect(ill.conclusion.because[0]).to.include('cryptsetup');
  });

  it('examines the machine that it runs on', async () => {
    const {findings, conclusion} = await diagnose(thisMachine(join(import.meta.dirname, '../../bin/tazpod-ghost')));
    const finding = (id: string) => findings.find((candidate) => candidate.id === id)!;
    expect(finding('node').detail).to.include(process.versions.node);
    for (const id of ['cryptsetup', 'util-linux', 'e2fsprogs', 'namespaces'])
      expect(finding(id).verdict, id).to.equal('ok');
    expect(conclusion.because).not.to.be.empty;
  });
});

describe('the sudoers rule of the doctor', () => {
  let root: string | undefined;
  before(function () {
    if (process.getuid!() !== 0) skip(this, 'only root makes an install that belongs to root');
    root = makeRootsInstall();
  });
  after(() => {
    if (root !== undefined) rmSync(root, {recursive: true});
    removeTrees();
  });

  /** A user whom sudo asks for a password, at an install of root's. */
  const diagnoseInstall = async (illness: Illness = {}) => {
    const entry = join(root!, 'bin/tazpod-ghost');
    const ask = 'sudo --non-interactive --reset-timestamp --list';
    const answers = {[`${ask} -- ${entry}`]: {stdout: entry}, [ask]: {stdout: '    (ALL) ALL\n'}, ...illness.answers};
    const node = {nodePath: join(root!, 'node/bin/node'), securePath: [join(root!, 'node/bin')]};
    return diagnose(patient({entry, ...node, ...illness, answers}));
  };

  it('is offered to who has to type a password for a safe install', async () => {
    const {sudoers} = await diagnoseInstall();
    expect(sudoers!.path).to.equal('/etc/sudoers.d/tazpod');
    expect(sudoers!.content).to.include(`\nada ALL = (root) NOPASSWD: NOSETENV: ${join(root!, 'bin/tazpod-ghost')}\n`);
    expect(sudoers!.install).to.include('visudo -cf').and.to.include(sudoers!.path);
  });

  it('is not offered where it would make any code of the user’s root, or is of no use', async () => {
    expect(await diagnoseInstall({mayWrite: () => true})).not.to.have.property('sudoers');
    expect(await diagnoseInstall({securePath: []})).not.to.have.property('sudoers');
    expect(await diagnoseInstall({uid: 0})).not.to.have.property('sudoers');
    expect(await diagnoseInstall({without: ['sudo']})).not.to.have.property('sudoers');
    const free = {'sudo --non-interactive --reset-timestamp --list': {stdout: '    (ALL) NOPASSWD: ALL\n'}};
    expect(await diagnoseInstall({answers: free})).not.to.have.property('sudoers');
  });
});
