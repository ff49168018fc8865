import {mkdirSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {needsRoot} from '../bed/owner.ts';
import {type Registry, startRegistry} from '../bed/registry.ts';
import {type Ended, tazpod} from '../bed/run.ts';
import {type BedUser, makeUser} from '../bed/user.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {pluginFiles} from './plugin-folder.ts';

describe('plugins that came with TazPod', function () {
  this.timeout(240_000);
  let registry: Registry;
  let user: BedUser;

  before(async function () {
    needsRoot(this);
    registry = await startRegistry();
    user = makeUser();
    await registry.offer(pluginFiles({name: 'fish'}));
  });

  afterEach(() => {
    for (const name of ['.local', '.config']) rmSync(join(user.home, name), {recursive: true, force: true});
  });

  after(() => registry.stop());

  const nobodyListens = {TAZPOD_NPM_REGISTRY: 'http://127.0.0.1:9/'};
  const type = (args: string[], env: Readonly<Record<string, string>>): Promise<Ended> => tazpod(user, args, {env});
  const listed = async () => {
    const {stdout} = await type(['plugins', '--json'], nobodyListens);
    const {result} = JSON.parse(stdout) as {result: {name: string; version: string; contributes?: object}[]};
    return result.map(({name, version}) => `${name}@${version}`);
  };

  it('are installed when the registry cannot be reached, with all that they depend on', async () => {
    const {code, stdout, stderr} = await type(['plugins', 'install', 'bash', 'infisical'], nobodyListens);

    expect(code, stderr).to.equal(0);
    expect(stdout).to.equal('Installed tazpod-bash 0.1.0.\nInstalled tazpod-infisical 0.1.0.\n');
    expect(stderr).to.include('The registry cannot be reached; using tazpod-infisical 0.1.0, which came with TazPod.');
    expect(await listed()).to.deep.equal(['tazpod-bash@0.1.0', 'tazpod-infisical@0.1.0']);
    const snippet = await type(['shell', 'init', 'bash'], nobodyListens);
    expect(snippet.stdout, snippet.stderr).to.include('function tazpod');
  });

  it('come before another package of the short name when the registry does not have them', async () => {
    const {code, stdout, stderr} = await type(['plugins', 'install', 'fish'], registry.environment);

    expect(code, stderr).to.equal(0);
    expect(stdout).to.equal('Installed tazpod-fish 0.1.0.\n');
    expect(stderr).to.include('The registry does not have tazpod-fish@latest; using tazpod-fish 0.1.0');
  });

  it('are updated from the registry once it has them, and never brought back to an older version', async () => {
    await type(['plugins', 'install', 'zsh'], nobodyListens);
    expect((await type(['plugins', 'update'], nobodyListens)).stdout).to.equal('tazpod-zsh 0.1.0 is up to date.\n');

    await registry.offer(pluginFiles({name: 'tazpod-zsh', version: '0.2.0'}));
    const updated = await type(['plugins', 'update'], registry.environment);
    expect(updated.stdout, updated.stderr).to.equal('tazpod-zsh 0.1.0 → 0.2.0\n');

    expect((await type(['plugins', 'update'], nobodyListens)).stdout).to.equal('tazpod-zsh 0.2.0 is up to date.\n');
    expect(await listed()).to.deep.equal(['tazpod-zsh@0.2.0']);
  });

  it('are held to the policy, and to the version that is asked for', async () => {
    const other = await type(['plugins', 'install', 'bash@^2.0.0'], nobodyListens);
    expect(other.code).to.equal(69);

    const folder = join(user.home, '.config/tazpod');
    mkdirSync(folder, {recursive: true});
    for (const path of [join(user.home, '.config'), folder]) chownTo(user, path);
    writeAs(user, join(folder, 'config.yaml'), 'plugins:\n  allow:\n    - {name: tazpod-zsh}\n');
    const refused = await type(['plugins', 'install', 'bash'], nobodyListens);
    expect(refused.code).to.equal(77);
    expect(refused.stderr).to.include('The plugin tazpod-bash 0.1.0 is not allowed.');
  });
});
