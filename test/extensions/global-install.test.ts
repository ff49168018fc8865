import {existsSync, lstatSync, mkdirSync, readdirSync, readFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {expect} from 'chai';
import {root} from '../../scripts/setup.js';
import {fuseForAll} from '../bed/fuse-for-all.ts';
import {installGlobally, pack, packCore} from '../bed/global-install.ts';
import {allowSudo, install, type Install, makeInstallFolder} from '../bed/install.ts';
import {needsRoot} from '../bed/owner.ts';
import {chownTo} from '../bed/ownership.ts';
import {type Ended, runAs, type RunOptions} from '../bed/run.ts';
import {type BedUser, makeUser} from '../bed/user.ts';

describe('a global install by npm', function () {
  this.timeout(240_000);
  let archive: string;

  before(function () {
    needsRoot(this);
    archive = packCore();
  });

  /** Types a command with the install's directory in front of PATH, as npm’s prefix would be. */
  const type = (user: BedUser, copy: Install, args: string[], options: RunOptions = {}): Promise<Ended> =>
    runAs(user, ['tazpod', ...args], {...options, env: {PATH: `${copy.path}:${install().path}:/usr/bin:/bin`}});

  it('of root’s gives every user a sealed vault and plugins of their own', async () => {
    const user = makeUser();
    const copy = await installGlobally(archive, makeInstallFolder());
    allowSudo(user, {kind: 'doctor', copy});

    const tour = await type(user, copy, ['tour']);
    expect(tour.code, tour.stderr).to.equal(0);
    expect(tour.stderr).not.to.include('The isolation is private');

    const archives = join(user.home, 'archives');
    const bash = pack(join(root, 'plugins/tazpod-bash'), makeFolderOf(user, archives));
    const installed = await type(user, copy, ['plugins:install', join(archives, bash)]);
    expect(installed.code, installed.stderr).to.equal(0);
    expect((await type(user, copy, ['plugins'])).stdout).to.match(/^tazpod-bash .*\n {2}shells +bash\n/);
    expect(lstatSync(join(user.home, '.local/share/tazpod/node_modules/tazpod-bash')).uid).to.equal(user.uid);
  });

  it('of a user’s own needs nobody else', async () => {
    const user = makeUser();
    const prefix = makeFolderOf(user, join(user.home, 'npm'));
    const copy = await installGlobally(archive, prefix, user);

    const tour = await type(user, copy, ['tour'], {within: fuseForAll});

    expect(tour.code, tour.stderr).to.equal(0);
    expect(tour.stderr).to.include('The isolation is private');
    const {bin, exports} = JSON.parse(readFileSync(join(copy.folder, 'package.json'), 'utf8')) as {
      bin: Record<string, string>;
      exports: {'./contract': {types: string}};
    };
    for (const path of [...Object.values(bin), exports['./contract'].types, 'oclif.manifest.json', 'LICENSE']) {
      expect(existsSync(join(copy.folder, path)), path).to.equal(true);
    }
    for (const path of ['src', 'test', 'scripts', 'plugins/tazpod-bash/dist', 'bin/dev.js', 'dist/.built']) {
      expect(existsSync(join(copy.folder, path)), path).to.equal(false);
    }
  });

  it('is not needed for a look at it: npx takes the tour, and leaves nothing outside of the caches', async () => {
    const user = makeUser();
    const {folder, node} = install();
    const npx = [node, join(folder, 'node_modules/npm/bin/npx-cli.js'), '--yes', '--offline', '--package', archive];
    const before = readdirSync(user.home);
    const tour = await runAs(user, [...npx, 'tazpod', 'tour'], {
      env: {PATH: `${dirname(node)}:/usr/bin:/bin`},
      within: fuseForAll,
    });

    expect(tour.code, tour.stderr).to.equal(0);
    expect(tour.stdout).to.match(/^Inside the ghost$/m);
    expect(tour.stdout).to.match(/^After the end$/m);
    // ~/.ssh/agent is a mount point of every session: an ssh of OpenSSH 10 keeps the sockets of its agents there.
    const added = readdirSync(user.home).filter((name) => !before.includes(name));
    expect(['.cache', '.npm', '.ssh']).to.include.members(added);
  });
});

function makeFolderOf(user: BedUser, folder: string): string {
  mkdirSync(folder);
  chownTo(user, folder);
  return folder;
}
