import {spawnSync} from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {dirname, join} from 'node:path';
import {expect} from 'chai';
import {diagnose} from '../../src/doctor/diagnose.ts';
import {removeTrees} from '../kernel/kernel-tree.ts';
import {skip} from '../skip.ts';
import {type Illness, patient} from './patient.ts';
import {makeRootsInstall} from './roots-install.ts';

/** Where a manager of Node's versions keeps things, below the home. */
type Layout = {
  readonly manager: string;
  /** The program, which is what `process.execPath` names. */
  readonly node: string;
  /** What PATH leads to instead of the program: a link to it, or a program of the manager's that starts it. */
  readonly shim?: string;
  readonly shimIsLink?: boolean;
  /** Where the manager's npm installs global packages. */
  readonly packages: string;
  /** The Node is at the place beside its packages where the privileged half looks for it. */
  readonly isBeside: boolean;
};

const layouts: readonly Layout[] = [
  {
    manager: 'nvm',
    node: '.nvm/versions/node/v24.1.0/bin/node',
    packages: '.nvm/versions/node/v24.1.0/lib/node_modules',
    isBeside: true,
  },
  {
    manager: 'fnm',
    node: '.local/share/fnm/node-versions/v24.1.0/installation/bin/node',
    // $XDG_RUNTIME_DIR/fnm_multishells/PID_TIME is a link to the installation; here it is in the home.
    shim: 'run/fnm_multishells/4711_1764288000000/bin/node',
    shimIsLink: true,
    packages: '.local/share/fnm/node-versions/v24.1.0/installation/lib/node_modules',
    isBeside: true,
  },
  {
    manager: 'asdf',
    node: '.asdf/installs/nodejs/24.1.0/bin/node',
    shim: '.asdf/shims/node',
    packages: '.asdf/installs/nodejs/24.1.0/lib/node_modules',
    isBeside: true,
  },
  {
    manager: 'mise',
    node: '.local/share/mise/installs/node/24.1.0/bin/node',
    shim: '.local/share/mise/shims/node',
    packages: '.local/share/mise/installs/node/24.1.0/lib/node_modules',
    isBeside: true,
  },
  {
    manager: 'volta',
    node: '.volta/tools/image/node/24.1.0/bin/node',
    shim: '.volta/bin/node',
    // Each package has a prefix of its own, without a Node in it.
    packages: '.volta/tools/image/packages/tazpod/lib/node_modules',
    isBeside: false,
  },
];

const uid = 1000;
const entryOfCheckout = join(import.meta.dirname, '../../bin/tazpod-ghost');

describe('The doctor, where Node.js is in the home', () => {
  let home: string;
  /** A directory of root's with neither Node nor npm in it. */
  let sudoPath: string;

  before(function () {
    if (process.getuid!() !== 0) skip(this, 'only root makes files that belong to another user');
  });
  beforeEach(() => {
    // Not in /tmp: every directory above must be root's.
    home = mkdtempSync('/usr/local/tazpod-home-');
    sudoPath = mkdtempSync('/usr/local/tazpod-sudo-path-');
    for (const folder of [home, sudoPath]) chmodSync(folder, 0o755);
  });
  afterEach(() => {
    for (const folder of [home, sudoPath]) rmSync(folder, {recursive: true});
  });
  after(removeTrees);

  /** Installs TazPod as the manager's npm does, all of it the user's. */
  function install({node, shim, shimIsLink, packages}: Layout): {readonly node: string; readonly entry: string} {
    const write = (path: string, content: string) => {
      mkdirSync(dirname(join(home, path)), {recursive: true});
      writeFileSync(join(home, path), content, {mode: 0o755});
    };
    write(node, '#!/bin/sh\n[ "$2" = --version ] && echo v24.1.0 || echo "$0"\n');
    if (shimIsLink === true) {
      mkdirSync(dirname(dirname(dirname(join(home, shim!)))), {recursive: true});
      symlinkSync(dirname(dirname(join(home, node))), dirname(dirname(join(home, shim!))));
    } else if (shim !== undefined) write(shim, '#!/bin/sh\nexit 1\n');
    const root = join(packages, 'tazpod');
    for (const file of ['package.json', 'dist/ghost/main.js', 'bin/tazpod-ghost']) write(join(root, file), '');
    copyFileSync(entryOfCheckout, join(home, root, 'bin/tazpod-ghost'));
    for (const name of readdirSync(home, {recursive: true, encoding: 'utf8'})) lchownSync(join(home, name), uid, uid);
    chownSync(home, uid, uid);
    return {node: join(home, shimIsLink === true ? shim! : node), entry: join(home, root, 'bin/tazpod-ghost')};
  }

  const entryFinding = async (context: Illness) => {
    const {findings, conclusion} = await diagnose(patient({uid, gids: [uid], ...context}));
    return {...findings.find(({id}) => id === 'privileged-entry')!, isolation: conclusion.isolation};
  };

  for (const layout of layouts) {
    const {manager, isBeside} = layout;

    it(`says with ${manager} what root runs, who can change it, and how to have an install of root's`, async () => {
      const {node, entry} = install(layout);
      const context = {nodePath: node, entry, securePath: [sudoPath]};
      const {verdict, detail, fix, isolation} = await entryFinding(context);
      expect(verdict).to.equal('warning');
      expect(detail).to.include('Anyone who can run code as you can become root through sudo: ');
      if (isBeside) expect(detail).to.match(/ can be changed by you, and \d+ more\.$/);
      else expect(detail).to.match(/ Root finds no Node\.js 22\.15 in \S+: sessions cannot be sealed\.$/);
      expect(isolation).to.equal(isBeside ? 'sealed' : 'private');
      const ofRoot = 'sudo npm install --global --ignore-scripts tazpod && npm uninstall --global tazpod';
      expect(fix).to.equal(`sudo apt-get install npm && ${ofRoot}`);
      expect((await entryFinding({...context, hasApt: false})).fix).to.equal(`install npm for root, then: ${ofRoot}`);
      writeFileSync(join(sudoPath, 'npm'), '');
      expect((await entryFinding(context)).fix).to.equal(ofRoot);
    });

    it(`advises with ${manager} to give root a copy of Node.js itself, and not of what leads to it`, async () => {
      const {node} = install(layout);
      const root = makeRootsInstall();
      const context = {nodePath: node, entry: join(root, 'bin/tazpod-ghost'), securePath: [sudoPath]};
      const {fix, isolation} = await entryFinding(context);
      rmSync(root, {recursive: true});
      expect(isolation).to.equal('private');
      expect(fix).to.equal(`sudo install --mode=0755 ${join(home, layout.node)} /usr/local/bin/node`);
    });

    it(`agrees with the privileged entry about the Node.js of ${manager}`, () => {
      const {entry} = install(layout);
      const {stdout} = spawnSync(entry, ['/plan', '--from-outside'], {
        env: {PATH: '/usr/bin:/bin', SUDO_UID: String(uid)},
        encoding: 'utf8',
      });
      if (isBeside) expect(stdout).to.equal(`${join(home, layout.node)}\n`);
      else expect(stdout).to.not.include(home);
    });
  }
});
