import {spawnSync} from 'node:child_process';
import {chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {projectNode, root} from '../../scripts/setup.js';
import {contributionsOf} from '../../src/extensions/contributions.ts';
import {createPlugin} from '../../src/extensions/create.ts';
import {pluginKinds} from '../../src/extensions/templates/package-files.ts';
import {pack} from '../bed/global-install.ts';
import {install} from '../bed/install.ts';
import {needsRoot} from '../bed/owner.ts';
import {chownTo} from '../bed/ownership.ts';
import {tazpod} from '../bed/run.ts';
import {makeUser} from '../bed/user.ts';
import {makeFolder, removeFolders} from './plugin-folder.ts';

describe('a plugin that was begun by plugins:create', function () {
  this.timeout(180_000);
  after(removeFolders);

  /** Runs a program in the directory of a plugin, as npm would run its scripts. */
  const run = (folder: string, ...words: string[]) => {
    const {status, stdout, stderr} = spawnSync(projectNode(), words, {cwd: folder, encoding: 'utf8'});
    expect(status, `${words.join(' ')}\n${stdout}${stderr}`).to.equal(0);
  };

  it('of every kind builds, its tests pass, and it installs', async function () {
    needsRoot(this);
    const user = makeUser();
    const archives = mkdtempSync(join(user.home, 'archives-'));
    chownTo(user, archives);
    const parent = makeFolder();
    // What `npm install` would bring, and nothing else.
    mkdirSync(join(parent, 'node_modules'));
    symlinkSync(install().folder, join(parent, 'node_modules/tazpod'));
    for (const name of ['typescript', '@types']) {
      symlinkSync(join(root, 'node_modules', name), join(parent, 'node_modules', name));
    }
    for (const kind of pluginKinds) {
      const {name, folder} = createPlugin(`my-${kind}`, kind, {parent, coreVersion: '0.1.0'});
      expect(name).to.equal(`tazpod-my-${kind}`);
      if (kind === 'backend') {
        const unreachable = await tazpod(user, ['plugins', 'link', folder]);
        expect(unreachable.code, unreachable.stderr).to.equal(66);
        expect(unreachable.stderr).to.equal(
          `error: ${folder} cannot be read.\n  You do not have permission to read it.\n`,
        );
        chmodSync(parent, 0o755);
        const linked = await tazpod(user, ['plugins', 'link', folder]);
        expect(linked.code, linked.stderr).to.equal(65);
        expect(linked.stderr).to.include('The plugin tazpod-my-backend is not built.').and.include('npm run build');
      }
      if (existsSync(join(folder, 'tsconfig.json'))) run(folder, join(root, 'node_modules/typescript/bin/tsc'));
      run(folder, '--test', 'test/*.test.js');
      pack(folder, archives);
    }

    const paths = pluginKinds.map((kind) => join(archives, `tazpod-my-${kind}-0.1.0.tgz`));
    const env = {TAZPOD_NPM_REGISTRY: 'http://127.0.0.1:9/'};
    const installed = await tazpod(user, ['plugins', 'install', ...paths], {env});
    expect(installed.code, installed.stderr).to.equal(0);
    const {stdout} = await tazpod(user, ['plugins', '--json']);
    const {result, warnings} = JSON.parse(stdout) as {result: {contributes: object}[]; warnings: string[]};
    expect(warnings).to.deep.equal([]);
    const brought = result.flatMap(({contributes}) => Object.keys(contributes)).filter((key) => key !== 'contract');
    expect(brought).to.have.members([
      ...['secretBackends', 'shells', 'cleanupStrategies', 'latches', 'bridges', 'defaults'],
    ]);
  });

  it('has the name of its package, with or without a scope', async () => {
    const parent = makeFolder();

    const {name, folder} = createPlugin('@team/tazpod-pack', 'pack', {parent, coreVersion: '0.1.0'});

    expect({name, folder}).to.deep.equal({name: '@team/tazpod-pack', folder: join(parent, 'tazpod-pack')});
    const pjson = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as never;
    const {problems} = await contributionsOf([{name, version: '0.1.0', root: folder, type: 'link', pjson}]);
    expect(problems).to.deep.equal([]);
  });

  it('overwrites nothing', () => {
    const parent = makeFolder();
    mkdirSync(join(parent, 'tazpod-store'));

    expect(() => createPlugin('store', 'backend', {parent, coreVersion: '0.1.0'}))
      .to.throw(/cannot be created/)
      .with.property('code', 73);
  });

  for (const name of ['', '../x', 'A', 'tazpod', '@team/', 'x/y', '-x', '$(x)']) {
    it(`cannot be called ${JSON.stringify(name)}`, () => {
      const parent = makeFolder();
      expect(() => createPlugin(name, 'latch', {parent, coreVersion: '0.1.0'}))
        .to.throw()
        .with.property('code', 64);
    });
  }
});
