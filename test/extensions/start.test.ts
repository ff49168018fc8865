import {chmodSync, existsSync, mkdirSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {needsRoot} from '../bed/owner.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {type PackageFiles, writePackage} from '../bed/registry.ts';
import {tazpod} from '../bed/run.ts';
import {type BedUser, makeUser} from '../bed/user.ts';
import {pluginFiles} from './plugin-folder.ts';

type Answer = {status: number; result: {name: string; parent?: string}[]; warnings: string[]};

describe('the start of a command, with plugins in the user’s directory', () => {
  let user: BedUser;
  let folder: string;

  before(function () {
    needsRoot(this);
    user = makeUser();
    folder = join(user.home, '.local/share/tazpod');
  });

  afterEach(() => rmSync(join(user.home, '.local'), {recursive: true, force: true}));

  /** Puts packages where npm would, and notes some of them as oclif would. */
  function installed(packages: Record<string, PackageFiles>, noted: object[]): void {
    mkdirSync(folder, {recursive: true});
    chownTo(user, folder);
    for (const [name, files] of Object.entries(packages)) writePackage(join(folder, 'node_modules', name), files);
    writeAs(user, join(folder, 'package.json'), JSON.stringify({oclif: {plugins: noted}}));
  }

  async function plugins(env: Record<string, string> = {}): Promise<Answer> {
    const {code, stdout, stderr} = await tazpod(user, ['plugins', '--json'], {env});
    expect(code, stderr).to.equal(0);
    return JSON.parse(stdout) as Answer;
  }

  const entry = (name: string) => ({name, type: 'user', tag: 'latest'});

  it('finds what a pack brings, and not what it merely depends on', async () => {
    const more = {dependencies: {'tazpod-a': '*', 'tazpod-b': '*', library: '*'}};
    const pack = pluginFiles({name: '@t/tazpod-pack', oclif: {plugins: ['tazpod-a', 'library-not-there']}, more});
    installed(
      {
        '@t/tazpod-pack': pack,
        'tazpod-a': pluginFiles({name: 'tazpod-a'}),
        'tazpod-b': pluginFiles({name: 'tazpod-b'}),
      },
      [entry('@t/tazpod-pack')],
    );

    const {result, warnings} = await plugins();

    expect(warnings).to.deep.equal([]);
    expect(result.map(({name, parent}) => [name, parent])).to.deep.equal([
      ['@t/tazpod-pack', undefined],
      ['tazpod-a', '@t/tazpod-pack'],
    ]);
  });

  it('names what is not there, and goes on', async () => {
    const pack = pluginFiles({name: 'tazpod-p', oclif: {plugins: ['gone']}, more: {dependencies: {gone: '*'}}});
    installed({'tazpod-p': pack}, [entry('tazpod-p'), entry('tazpod-removed'), {name: 'tazpod-l', type: 'link'}]);

    const {result, warnings} = await plugins();

    expect(result.map(({name}) => name)).to.deep.equal(['tazpod-p']);
    expect(warnings.map((warning) => /^The plugin (\S+) is ignored: /.exec(warning)?.[1])).to.have.members([
      ...['tazpod-removed', 'tazpod-l', 'gone'],
    ]);
  });

  for (const [what, content] of [
    ['no JSON', '{'],
    ['a list', '[]'],
    ['null', 'null'],
    [
      'entries of no shape',
      '{"oclif": {"plugins": [null, 7, {}, {"name": 7}, {"name": "x", "type": "link", "root": 7}]}}',
    ],
  ] as const) {
    it(`goes on where the directory's package.json is ${what}`, async () => {
      installed({}, []);
      writeAs(user, join(folder, 'package.json'), content);

      const {code, stdout} = await tazpod(user, ['vault', 'list', '--json']);

      expect(code).to.equal(0);
      expect(JSON.parse(stdout)).to.have.deep.property('result', []);
    });
  }

  it('says of a command that is not there what was meant, or where it may come from', async () => {
    const slip = await tazpod(user, ['vault', 'stauts']);
    const foreign = await tazpod(user, ['greet', 'you', '--json']);

    expect(slip.code).to.equal(64);
    expect(slip.stderr).to.match(
      /error: There is no command "vault stauts"\.\n.*"vault status".*\n.*tazpod vault status/,
    );
    expect(foreign.code).to.equal(64);
    const {status, error} = JSON.parse(foreign.stdout) as {status: number; error: {what: string; next: string}};
    expect(status).to.equal(64);
    expect(error.what).to.equal('There is no command "greet you".');
    expect(error.next).to.match(/^tazpod plugins install NAME/);
  });

  it('runs nothing of a package that has no section for oclif', async () => {
    const ran = join(user.home, 'ran');
    const code = `require('fs').writeFileSync(${JSON.stringify(ran)}, '')`;
    installed({'tazpod-rc': {'package.json': {name: 'tazpod-rc', version: '1.0.0'}, '.oclifrc.cjs': code}}, [
      entry('tazpod-rc'),
    ]);

    const {warnings} = await plugins();

    expect(warnings[0]).to.match(/tazpod-rc is ignored: .*no "oclif" section/);
    expect(existsSync(ran)).to.equal(false);
  });

  it('loads nothing from a directory that others may write, or that is another’s', async () => {
    installed({'tazpod-a': pluginFiles({name: 'tazpod-a'})}, [entry('tazpod-a')]);
    chmodSync(folder, 0o777);
    const open = await plugins();
    chmodSync(folder, 0o755);
    const root = {name: 'root', uid: 0, gid: 0, home: user.home, runtimeFolder: user.runtimeFolder};
    const asRoot = await tazpod(root, ['plugins', '--json'], {
      env: {XDG_DATA_HOME: join(user.home, '.local/share')},
    });

    expect(open.result).to.deep.equal([]);
    expect(open.warnings[0]).to.match(/is not trusted: everybody can write to it/);
    const {result, warnings} = JSON.parse(asRoot.stdout) as Answer;
    expect(result).to.deep.equal([]);
    expect(warnings[0]).to.match(/No installed plugin is loaded: .* is not trusted: it belongs to another user/);
  });
});
