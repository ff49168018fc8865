import {spawnSync} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {installGlobally, packCore} from '../bed/global-install.ts';
import {install, type Install, makeInstallFolder} from '../bed/install.ts';
import {needsRoot} from '../bed/owner.ts';
import {type Registry, startRegistry} from '../bed/registry.ts';
import {type Ended, runAs} from '../bed/run.ts';
import {type BedUser, makeUser} from '../bed/user.ts';

describe('tazpod update', function () {
  this.timeout(240_000);
  let registry: Registry;
  let user: BedUser;
  let version: string;
  let prefix: string;
  let copy: Install;

  before(async function () {
    needsRoot(this);
    registry = await startRegistry();
    user = makeUser();
    prefix = makeInstallFolder();
    ({version} = JSON.parse(readFileSync(join(install().folder, 'package.json'), 'utf8')) as {version: string});
  });

  after(() => registry.stop());

  const type = (from: Install, ...args: string[]): Promise<Ended> =>
    runAs(user, ['tazpod', ...args], {
      env: {PATH: `${from.path}:${install().path}:/usr/bin:/bin`, ...registry.environment},
    });

  it('says that the registry does not have TazPod, and where else to look', async () => {
    const {code, stderr} = await type(install(), 'update');
    expect(code).to.equal(66);
    expect(stderr).to.match(/^error: The registry does not have TazPod\.$/m);
    expect(stderr).to.match(/^ {2}Next: .*\/releases$/m);
  });

  it('prints the command for an install of root’s, and changes nothing', async () => {
    await registry.offer({
      'package.json': {name: 'tazpod', version: '99.0.0', bin: {tazpod: './new.js'}},
      'new.js': '#!/usr/bin/env node\nconsole.log("the new one");\n',
    });
    copy = await installGlobally(packCore(), prefix);
    const {code, stdout, stderr} = await type(copy, 'update', '--json');
    expect(code, stderr).to.equal(0);
    expect((JSON.parse(stdout) as {result: object}).result).to.deep.equal({
      version,
      newest: '99.0.0',
      installed: 'npm',
      updated: false,
      command: `sudo npm install --global --ignore-scripts --prefix ${prefix} tazpod@99.0.0`,
    });
    expect((await type(copy, '--version')).stdout).to.include(`tazpod/${version} `);
  });

  it('replaces an npm install of the user’s own, and only looks with --check', async () => {
    // Not what is in bin: the Node there is a link to the project's own.
    spawnSync('chown', ['--recursive', user.name, join(prefix, 'lib')]);
    spawnSync('chown', [user.name, join(prefix, 'bin')]);

    const checked = await type(copy, 'update', '--check');
    expect(checked.code, checked.stderr).to.equal(0);
    expect(checked.stdout).to.equal(
      `TazPod 99.0.0 is available; this is ${version}.\n` +
        `  Next: npm install --global --ignore-scripts --prefix ${prefix} tazpod@99.0.0\n`,
    );
    const updated = await type(copy, 'update');
    expect(updated.code, updated.stderr).to.equal(0);
    expect(updated.stdout).to.equal(`Updated TazPod from ${version} to 99.0.0.\n`);
    expect((await type(copy)).stdout).to.equal('the new one\n');
  });
});
