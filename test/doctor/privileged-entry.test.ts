import {chmodSync, chownSync, mkdirSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {examinePrivilegedEntry, findWeaknesses} from '../../src/doctor/privileged-entry.ts';
import type {SudoReport} from '../../src/doctor/sudo.ts';
import {skip} from '../skip.ts';
import {removeTrees} from '../kernel/kernel-tree.ts';
import {patient, type Illness} from './patient.ts';
import {makeRootsInstall} from './roots-install.ts';

const user = {uid: 1000, gids: [1000, 27], mayWrite: () => false};
const sudo: SudoReport = {
  answer: 'password',
  administrator: false,
  finding: {id: 'sudo', title: 'sudo', verdict: 'ok', detail: ''},
};

describe('the doctor on the privileged half', () => {
  let root: string;
  const at = (...names: string[]): string => join(root, ...names);

  before(function () {
    if (process.getuid!() !== 0) skip(this, 'only root makes an install that belongs to root');
  });
  beforeEach(() => {
    root = makeRootsInstall();
  });
  afterEach(() => rmSync(root, {recursive: true}));
  after(removeTrees);

  const examine = async (illness: Illness = {}, report: SudoReport = sudo) =>
    examinePrivilegedEntry(
      patient({
        entry: at('bin/tazpod-ghost'),
        securePath: [at('node/bin')],
        answers: {[`sh -c "$0" --version ${at('node/bin/node')}`]: {stdout: 'v24.1.0\n'}},
        ...illness,
      }),
      report,
    );

  it('finds an install of root’s safe', async () => {
    expect(await examine()).to.deep.include({entry: at('bin/tazpod-ghost'), runnable: true, safe: true});
    expect((await examine()).finding).to.include({verdict: 'ok'});
  });

  it('warns of every single file and directory that the user could change', async () => {
    for (const path of [
      'bin/tazpod-ghost',
      'package.json',
      'dist/ghost/main.js',
      'dist/ghost',
      'dist',
      'bin',
      'node/bin',
      'node',
      '.',
    ]) {
      chownSync(at(path), 1000, 0);
      const {safe, finding} = await examine();
      expect(safe, path).to.equal(false);
      expect(finding.verdict, path).to.equal('warning');
      expect(finding.detail, path).to.match(/^Anyone who can run code as you can become root through sudo: /);
      expect(finding.detail, path)
        .to.include(at(path))
        .and.to.match(/can be changed by you\.$/);
      chownSync(at(path), 0, 0);
    }
    expect((await examine()).safe).to.equal(true);
  });

  it('tells how to install it as root, without a package’s code running as root', async () => {
    chownSync(at('dist'), 1000, 0);
    expect((await examine()).finding.fix).to.equal('sudo npm install --global --ignore-scripts tazpod');
    mkdirSync(at('.git'));
    expect((await examine({hasApt: true})).finding.fix).to.equal(
      'npm run package -- --only deb && sudo apt-get install ./packages/tazpod_*.deb',
    );
    expect((await examine({hasApt: false})).finding.fix).to.equal(
      'npm run package -- --only tarball && tar -C packages -xf packages/tazpod-*.tar.xz && sudo packages/tazpod-*/install.sh',
    );
  });

  it('follows links, and looks at where they lie as well as at where they lead', async () => {
    mkdirSync(at('links'));
    chownSync(at('links'), 1000, 0);
    symlinkSync(at('bin/tazpod-ghost'), at('links/ghost'));
    expect((await examine({entry: at('links/ghost')})).finding.detail).to.include(at('links'));
    expect((await examine()).safe).to.equal(true);

    mkdirSync(at('releases/1'), {recursive: true});
    symlinkSync(at('releases/1'), at('current'));
    chownSync(at('releases'), 1000, 0);
    expect(findWeaknesses([at('current')], user).map(({path}) => path)).to.deep.equal([at('releases')]);
    writeFileSync(at('releases/1/tazpod-ghost'), '');
    expect(findWeaknesses([at('current/tazpod-ghost')], user).map(({path}) => path)).to.deep.equal([at('releases')]);

    symlinkSync(at('links/node'), at('node/bin/node2'));
    symlinkSync(at('node/bin/node'), at('links/node'));
    expect(findWeaknesses([at('node/bin/node2')], user).map(({path}) => path)).to.deep.equal([at('links')]);
  });

  it('knows who may write by mode, group and access list, and what the sticky bit keeps', () => {
    const weaknesses = () => findWeaknesses([at('package.json')], user).map(({path, by}) => [path, by]);
    const file = at('package.json');
    expect(weaknesses()).to.deep.equal([]);
    chmodSync(file, 0o646);
    expect(weaknesses()).to.deep.equal([[file, 'everyone']]);
    chmodSync(file, 0o664);
    expect(weaknesses()).to.deep.equal([]);
    chownSync(file, 0, 27);
    expect(weaknesses()).to.deep.equal([[file, 'your group 27']]);
    chownSync(file, 0, 0);
    expect(findWeaknesses([file], {...user, gids: [0]}).map(({by}) => by)).to.deep.equal(['your group 0']);
    expect(findWeaknesses([file], {...user, uid: 0, gids: [0]})).to.deep.equal([]);
    chownSync(file, 0, 28);
    expect(weaknesses()).to.deep.equal([]);
    chownSync(file, 1001, 28);
    expect(weaknesses()).to.deep.equal([[file, 'user 1001']]);
    chownSync(file, 0, 0);
    const byAccessList = {...user, mayWrite: (path: string) => path === file};
    expect(findWeaknesses([file], byAccessList)).to.deep.equal([{path: file, by: 'you, by an access list'}]);
    chmodSync(root, 0o1777);
    expect(weaknesses()).to.deep.equal([]);
    chmodSync(root, 0o777);
    expect(weaknesses()).to.deep.equal([[root, 'everyone']]);
  });

  it('is content where nothing becomes root anyway', async () => {
    chownSync(at('dist'), 1000, 0);
    for (const answer of ['absent', 'refused', 'blocked'] as const) {
      const {finding, safe} = await examine({}, {...sudo, answer});
      expect(finding.verdict).to.equal('ok');
      expect(safe).to.equal(false);
    }
  });

  it('finds the Node.js that root would run: the package’s own, else one of root’s, and new enough', async () => {
    const old = {answers: {[`sh -c "$0" --version ${at('node/bin/node')}`]: {stdout: 'v18.19.0\n'}}};
    const none = await examine({securePath: [at('nowhere')]});
    expect(none.runnable).to.equal(false);
    expect(none.finding).to.include({verdict: 'warning'});
    expect(none.finding.fix).to.match(/^sudo install --mode=0755 \/.*node \/usr\/local\/bin\/node$/);
    expect((await examine(old)).runnable).to.equal(false);

    const own = at('node_modules/node/bin/node');
    mkdirSync(at('node_modules/node/bin'), {recursive: true});
    writeFileSync(own, '');
    const answers = {answers: {...old.answers, [`sh -c "$0" --version ${own}`]: {stdout: 'v24.1.0\n'}}};
    expect(await examine(answers)).to.include({runnable: true, safe: true});
    chownSync(at('node_modules/node'), 1000, 0);
    expect(await examine(answers)).to.include({runnable: true, safe: false});
  });

  it('counts no Node.js of a user’s, but that of a package that is the user’s altogether', async () => {
    chownSync(at('node/bin/node'), 1000, 0);
    expect((await examine()).runnable).to.equal(false);

    const own = at('node_modules/node/bin/node');
    mkdirSync(at('node_modules/node/bin'), {recursive: true});
    writeFileSync(own, '');
    chownSync(own, 1000, 0);
    const answers = {answers: {[`sh -c "$0" --version ${own}`]: {stdout: 'v24.1.0\n'}}};
    expect((await examine(answers)).runnable).to.equal(false);
    chownSync(at('bin/tazpod-ghost'), 1000, 0);
    expect(await examine(answers)).to.include({runnable: true, safe: false});
  });

  it('tells root of what others may change, and runs on the Node that runs already', async () => {
    const context = {uid: 0, gids: [0], nodePath: at('node/bin/node'), securePath: []};
    const report: SudoReport = {...sudo, answer: 'root already'};
    expect(await examine(context, report)).to.include({runnable: true, safe: true});
    chownSync(at('dist/ghost/main.js'), 1000, 0);
    const {finding} = await examine(context, report);
    expect(finding.detail)
      .to.match(/^Any process that can change it becomes root/)
      .and.to.include('user 1000');
    expect(finding.fix).to.equal('npm install --global --ignore-scripts tazpod');
  });

  it('misses an entry that is not there', async () => {
    expect((await examine({entry: at('bin/none.js')})).finding).to.include({verdict: 'missing'});
  });
});
