import {existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {root} from '../../scripts/setup.js';
import {needsRoot} from '../bed/owner.ts';
import {chownTo, writeAs} from '../bed/ownership.ts';
import {type Registry, runNpm, startRegistry, writePackage} from '../bed/registry.ts';
import {type Ended, tazpod} from '../bed/run.ts';
import {type BedUser, makeUser} from '../bed/user.ts';
import {makeFolder, pluginFiles, type PluginOptions, removeFolders} from './plugin-folder.ts';

type Overview = {name: string; version: string; type: string; parent?: string; contributes?: object};
type Answer<T> = {status: number; result: T; error: {what: string; why?: string; next?: string}; warnings: string[]};

/** A command that needs no package: plugins of the test are installed from a registry that has nothing else. */
const command = 'export default class { static run(words) { console.log("hello", ...words); } }';
const manifest = (ids: string[], version: string) =>
  JSON.stringify({
    version,
    commands: Object.fromEntries(ids.map((id) => [id, {id, strict: false, args: {}, flags: {}}])),
  });

const greeter = (version: string, ids = ['greet']) =>
  pluginFiles(
    {
      name: 'tazpod-greet',
      version,
      oclif: {commands: './commands'},
      tazpod: {contract: 1, latches: [{command: 'greeter'}]},
    },
    {'oclif.manifest.json': manifest(ids, version), 'commands/greet.js': command},
  );

describe('plugins from a registry', function () {
  this.timeout(240_000);
  let registry: Registry;
  let user: BedUser;

  before(async function () {
    needsRoot(this);
    registry = await startRegistry();
    user = makeUser();
    for (const version of ['1.0.0', '1.1.0']) await registry.offer(greeter(version));
    await registry.offer(greeter('2.0.0-rc.1'), 'next');
  });

  afterEach(() => {
    for (const name of ['.local', '.config', '.npmrc', 'ran'])
      rmSync(join(user.home, name), {recursive: true, force: true});
  });

  after(async () => {
    removeFolders();
    await registry.stop();
  });

  const publish = (options: PluginOptions, files: Record<string, string> = {}) =>
    registry.offer(pluginFiles(options, files));

  /** Links a plugin, which is quicker than to install it, and loaded in the same way. */
  const link = (options: PluginOptions, files: Record<string, string> = {}): Promise<Ended> => {
    const folder = mkdtempSync(join(user.home, 'linked-'));
    writePackage(folder, pluginFiles(options, files));
    chownTo(user, folder);
    return expectDone('plugins:link', folder);
  };

  const type = (...args: string[]): Promise<Ended> => tazpod(user, args, {env: registry.environment});

  async function ask<T>(...args: string[]): Promise<Answer<T>> {
    const {code, stdout, stderr} = await type(...args, '--json');
    expect(stdout, stderr).to.match(/^\{/);
    const answer = JSON.parse(stdout) as Answer<T>;
    expect(answer.status).to.equal(code);
    return answer;
  }

  async function expectDone(...args: string[]): Promise<Ended> {
    const ended = await type(...args);
    expect(ended.code, ended.stderr).to.equal(0);
    return ended;
  }

  const listed = async () => (await ask<Overview[]>('plugins')).result.map(({name, version}) => `${name}@${version}`);

  const configure = (yaml: string) => {
    mkdirSync(join(user.home, '.config/tazpod'), {recursive: true});
    chownTo(user, join(user.home, '.config'));
    chownTo(user, join(user.home, '.config/tazpod'));
    writeAs(user, join(user.home, '.config/tazpod/config.yaml'), yaml);
  };

  it('are found by a short name, shown with what they bring, run, and taken away', async () => {
    expect((await type('greet')).code).not.to.equal(0);

    const installed = await expectDone('plugins:install', 'greet');
    expect(installed.stdout).to.equal('Installed tazpod-greet 1.1.0.\n');
    expect((await expectDone('plugins')).stdout).to.match(
      /^tazpod-greet 1\.1\.0\n {2}latches +greeter\n {2}commands +greet\n$/,
    );
    const [shown] = (await ask<Overview[]>('plugins')).result;
    expect(shown).to.include({name: 'tazpod-greet', version: '1.1.0', type: 'user'});
    expect(shown!.contributes).to.deep.equal({contract: 1, latches: [{command: 'greeter'}]});
    expect((await expectDone('greet', 'you')).stdout).to.equal('hello you\n');

    await expectDone('plugins:uninstall', 'greet');
    expect(await listed()).to.deep.equal([]);
    expect(existsSync(join(user.home, '.local/share/tazpod/node_modules/tazpod-greet'))).to.equal(false);
  });

  it('are installed by version, range and tag, and updated within them', async () => {
    await expectDone('plugins', 'install', 'tazpod-greet@1.0.0');
    expect(await listed()).to.deep.equal(['tazpod-greet@1.0.0']);
    expect((await expectDone('plugins', 'update')).stdout).to.equal('tazpod-greet 1.0.0 is up to date.\n');

    await expectDone('plugins', 'install', 'tazpod-greet@^1.0.0');
    expect(await listed()).to.deep.equal(['tazpod-greet@1.1.0']);
    await expectDone('plugins', 'add', 'greet@next');
    expect(await listed()).to.deep.equal(['tazpod-greet@2.0.0-rc.1']);
  });

  it('are installed from an archive, which may be gone afterwards', async () => {
    const folder = mkdtempSync(join(user.home, 'archives-'));
    const packed = writePackage(makeFolder(), greeter('1.0.5'));
    runNpm(['pack', packed, '--pack-destination', folder, '--ignore-scripts'], folder);
    const archive = join(folder, 'tazpod-greet-1.0.5.tgz');
    chownTo(user, folder);
    chownTo(user, archive);

    await expectDone('plugins:install', archive);
    rmSync(archive);
    await publish({name: 'tazpod-other'});
    await expectDone('plugins:install', 'other');

    expect(await listed()).to.have.members(['tazpod-greet@1.0.5', 'tazpod-other@1.0.0']);
    expect((await expectDone('greet')).stdout).to.equal('hello\n');
  });

  it('of a team come as one pack, with its defaults and its policy', async () => {
    registry.publish(join(root, 'plugins/tazpod-agents'));
    registry.publish(join(root, 'plugins/tazpod-bash'));
    registry.publish(join(root, 'test/fixtures/tazpod-team-pack'));

    await expectDone('plugins:install', '@team/tazpod-pack');

    const {result} = await ask<Overview[]>('plugins');
    expect(result.map(({name}) => name)).to.deep.equal(['@team/tazpod-pack', 'tazpod-agents', 'tazpod-bash']);
    expect(result[2]).to.include({parent: '@team/tazpod-pack'});
    expect(result[2]!.contributes).to.have.property('shells');

    const other = await ask('plugins:install', 'greet');
    expect(other.status).to.equal(77);
    expect(other.error.what).to.equal('The plugin tazpod-greet 1.1.0 is not allowed.');
    expect(other.error.why).to.match(/not in the list of allowed plugins .*team\.yaml/);

    const child = await ask('plugins:uninstall', 'bash');
    expect(child.error.next).to.equal('tazpod plugins uninstall @team/tazpod-pack');
    await expectDone('plugins:uninstall', '@team/tazpod-pack');
    expect(await listed()).to.deep.equal([]);
  });

  it('are switched off by the policy of a pack only if the user agrees', async () => {
    const policy = (names: string[]) => ({
      'team.yaml': `plugins: {allow: [${names.map((name) => `{name: ${name}}`).join(', ')}]}\n`,
    });
    const pack = {name: '@team/strict', tazpod: {contract: 1, defaults: './team.yaml'}};
    await publish({...pack, version: '1.0.0'}, policy(['tazpod-other']));
    await expectDone('plugins:install', 'greet@1.0.0');

    const refused = await ask('plugins:install', '@team/strict');
    expect(refused.status).to.equal(77);
    expect(refused.error.what).to.equal(
      'The policy of @team/strict switches off a plugin that is installed: tazpod-greet.',
    );
    expect(refused.error.next).to.equal('tazpod plugins install @team/strict --yes');
    expect(await listed()).to.deep.equal(['tazpod-greet@1.0.0']);

    const {stderr} = await expectDone('plugins:install', '@team/strict', '--yes');
    expect(stderr).to.include('switches off a plugin that is installed: tazpod-greet.');
    expect(await listed()).to.deep.equal(['@team/strict@1.0.0']);

    // What is refused keeps nothing else from its update.
    await publish({...pack, version: '1.1.0'}, policy(['tazpod-other']));
    const update = await ask('plugins:update');
    expect(update.status).to.equal(77);
    expect(update.error.what).to.equal('1 of 2 plugins were not updated.');
    expect(update.error.why).to.match(/^tazpod-greet: The plugin tazpod-greet 1\.0\.0 is not allowed\./);
    expect((await ask<Overview[]>('plugins')).result.map(({version}) => version)).to.deep.equal(['1.1.0']);
  });

  it('run install scripts only on request, with any configuration of npm', async () => {
    const npmrc = [
      'ignore-scripts=false',
      'global=true',
      'save=false',
      'install-strategy=linked',
      'package-lock=false',
    ];
    writeAs(user, join(user.home, '.npmrc'), npmrc.join('\n'));
    await publish({name: 'tazpod-scripted', more: {scripts: {postinstall: 'touch "$HOME/ran"'}}});
    const ran = () => existsSync(join(user.home, 'ran'));

    const silenced = await expectDone('plugins:install', 'scripted');
    expect(ran()).to.equal(false);
    expect(silenced.stderr).to.match(/Install scripts were not run: tazpod-scripted.*--allow-scripts/);
    await expectDone('plugins:uninstall', 'scripted');

    await expectDone('plugins:install', 'scripted', '--allow-scripts');
    expect(ran()).to.equal(true);
  });

  it('fail in seconds, with a sentence, when the registry is dead', async () => {
    const env = {TAZPOD_NPM_REGISTRY: 'http://127.0.0.1:9/'};
    const {code, stderr, ms} = await tazpod(user, ['plugins:install', 'greet'], {env});

    expect(code).to.equal(69);
    expect(stderr).to.match(/error: The registry http:\/\/127\.0\.0\.1:9\/ cannot be reached\./);
    expect(ms).to.be.below(15_000);
  });

  it('are not changed by two at once, and a lock of one that has ended does not count', async () => {
    await expectDone('plugins:install', 'greet');
    const lock = join(user.home, '.local/share/tazpod/.lock');
    writeAs(user, lock, String(process.pid));
    const busy = await ask('plugins:uninstall', 'greet');
    writeAs(user, lock, '4194305');
    const done = await ask('plugins:uninstall', 'greet');

    expect(busy.status).to.equal(75);
    expect(busy.error.why).to.equal(`It is process ${process.pid}.`);
    expect(done.status).to.equal(0);
    expect(existsSync(lock)).to.equal(false);
  });

  it('that are in disorder can be taken away all the same', async () => {
    const folder = join(user.home, '.local/share/tazpod');
    await link({name: 'tazpod-one'});
    writeAs(user, join(folder, 'package.json'), '{');

    expect((await ask('plugins:install', 'greet')).error.next).to.equal('tazpod plugins reset');
    await expectDone('plugins:reset');
    await expectDone('plugins:install', 'greet');
    expect(await listed()).to.deep.equal(['tazpod-greet@1.1.0']);
  });

  it('that do not exist are reported with both names', async () => {
    const {status, error} = await ask('plugins:install', 'nothing-like-this');

    expect(status).to.equal(66);
    expect(error.what).to.equal('There is no package tazpod-nothing-like-this or nothing-like-this.');
  });

  it('that are no plugins are refused, and what was there before stays', async () => {
    await registry.offer({'package.json': {name: 'left-padding', version: '1.0.0'}});
    await registry.offer({'package.json': {name: 'tazpod-greet', version: '3.0.0'}}, 'broken');
    await expectDone('plugins:install', 'greet');

    const refused = await ask('plugins:install', 'left-padding');
    expect(refused.status).to.equal(65);
    expect(refused.error.what).to.equal('left-padding cannot be installed as a plugin.');
    expect((await ask('plugins:install', 'greet@broken')).status).to.equal(65);

    expect(await listed()).to.deep.equal(['tazpod-greet@1.1.0']);
    expect((await expectDone('greet')).stdout).to.equal('hello\n');
    expect(existsSync(join(user.home, '.local/share/tazpod/node_modules/left-padding'))).to.equal(false);
  });

  describe('under a policy', () => {
    const allow = (entry: string) => configure(`plugins:\n  allow:\n    - ${entry}\n`);

    it('are installed only by a name and a version that are allowed', async () => {
      allow('{name: tazpod-other}');
      expect((await ask('plugins:install', 'greet')).error.what).to.equal(
        'The plugin tazpod-greet 1.1.0 is not allowed.',
      );
      allow('{name: tazpod-greet, version: ~1.0.0}');
      const {status, error} = await ask('plugins:install', 'greet');
      expect(status).to.equal(77);
      expect(error.why).to.match(
        /^version 1\.1\.0 is not allowed; allowed: ~1\.0\.0 \(plugins\.allow of .*config\.yaml:\d+\)\.$/,
      );
      await expectDone('plugins:install', 'greet@1.0.0');
    });

    it('are installed only with the integrity that is allowed', async () => {
      allow(`{name: tazpod-greet, integrity: sha512-${'A'.repeat(86)}==}`);
      expect((await ask('plugins:install', 'greet')).error.why).to.match(
        /its integrity sha512-.* is not the allowed one/,
      );

      const [{integrity}] = JSON.parse(
        runNpm(['pack', 'tazpod-greet@1.1.0', '--dry-run', '--json'], makeFolder(), registry.environment),
      ) as [{integrity: string}];
      allow(`{name: tazpod-greet, integrity: ${integrity}}`);
      await expectDone('plugins:install', 'greet');
      expect((await expectDone('greet')).stdout).to.equal('hello\n');
    });

    it('are linked only when they are allowed', async () => {
      const folder = mkdtempSync(join(user.home, 'linked-'));
      writePackage(folder, greeter('1.0.0'));
      chownTo(user, folder);
      allow('{name: tazpod-other}');
      expect((await ask('plugins:link', folder)).error.what).to.equal('The plugin tazpod-greet 1.0.0 is not allowed.');

      allow('{name: tazpod-greet}');
      await expectDone('plugins:link', folder);
      expect((await ask<Overview[]>('plugins')).result[0]).to.include({name: 'tazpod-greet', type: 'link'});
      await expectDone('plugins:unlink', folder);
      expect(await listed()).to.deep.equal([]);
    });

    it('are loaded no more when it changes', async () => {
      await expectDone('plugins:install', 'greet');
      allow('{name: tazpod-other}');

      expect((await type('greet')).code).not.to.equal(0);
      const {result, warnings} = await ask<Overview[]>('plugins');
      expect(result).to.deep.equal([]);
      expect(warnings).to.have.lengthOf(1);
      expect(warnings[0]).to.match(
        /^The plugin tazpod-greet is not loaded: it is not in the list of allowed plugins .*config\.yaml/,
      );
    });

    it('are not loaded when nobody can say what is allowed', async () => {
      await expectDone('plugins:install', 'greet');
      configure('plugins: {allow: [');

      expect((await type('greet')).code).not.to.equal(0);
      expect((await type('vault', 'list')).stderr).to.match(/No installed plugin is loaded: .*config\.yaml/);
    });
  });

  describe('that are hostile', () => {
    it('run no code in the commands of the core, with any hooks', async () => {
      const loud = `import {appendFileSync} from 'node:fs';
        appendFileSync(process.env.HOME + '/ran', 'loaded');
        console.log('LOUD'); console.error('LOUD');
        export default async function () { throw new Error('LOUD'); }`;
      const stuck = 'for (;;);';
      const slow = 'export default () => new Promise(() => setInterval(() => {}, 1000));';
      const hooks = {init: ['./loud.js', './slow.js', './stuck.js'], prerun: './loud.js', postrun: './stuck.js'};
      const more = {...hooks, finally: './stuck.js', command_not_found: './loud.js', 'plugins:preinstall': './loud.js'};
      await publish({name: 'tazpod-loud', oclif: {hooks: more}}, {'loud.js': loud, 'stuck.js': stuck, 'slow.js': slow});
      const {stderr} = await expectDone('plugins:install', 'loud');
      expect(stderr).to.match(/tazpod-loud has hooks \(init, prerun.*\)\. They run with its own commands only/);

      const image = join(user.home, 'none.img');
      const status = await ask<{state: string}>('vault', 'status', '--image', image);
      expect(status.result).to.deep.equal({image, state: 'absent'});
      expect(status.warnings).to.deep.equal([]);
      expect((await type('no-such-command')).stderr).not.to.include('LOUD');
      expect((await expectDone('help')).stdout).not.to.include('LOUD');
      expect(existsSync(join(user.home, 'ran'))).to.equal(false);
    });

    it('can send nothing to the terminal through help, and run no code there', async () => {
      const escape = '\u001b]52;c;aGFybQ==\u0007\u202eevil';
      const code = `<% process.getBuiltinModule('node:fs').writeFileSync(process.env.HOME + '/ran', '') %>`;
      const text = `${escape} ${code}${code.replace('<%', '<%-')} <%= config.bin %>`;
      const flag = {name: 'flag', type: 'option', description: text, helpValue: escape, options: [escape], char: 'f'};
      const one = {
        ...{id: 'loud', summary: text, description: text, examples: [text], usage: text, args: {}},
        flags: {flag},
      };
      const commands = {loud: one, 'topical:loud': {...one, id: 'topical:loud'}};
      await link(
        {name: 'tazpod-loud', oclif: {commands: './commands', topics: {topical: {description: text}}}},
        {'oclif.manifest.json': JSON.stringify({version: '1.0.0', commands}), 'commands/loud.js': command},
      );
      for (const words of [
        ['help'],
        ['--help'],
        ['help', 'loud'],
        ['help', 'topical'],
        ['plugins'],
        ['shell', 'init', 'bash'],
      ]) {
        const {stdout, stderr} = await type(...words);
        // oclif colours its own words; nothing else may begin an escape sequence.
        // eslint-disable-next-line no-control-regex -- these are what is looked for
        const rest = `${stdout}${stderr}`.replace(/\u001b\[[\d;]*m/g, '');
        expect(rest, words.join(' ')).not.to.match(/[^\P{C}\n\t]/u);
      }
      expect((await type('help', 'loud')).stdout)
        .to.include('tazpod')
        .and.include('\\u{1b}]52');
      expect(existsSync(join(user.home, 'ran'))).to.equal(false);
    });

    it('have no commands where their own manifest does not tell them: asking the code would run it', async () => {
      await link(
        {name: 'tazpod-eager', oclif: {commands: './commands'}},
        {'commands/eager.js': 'for (;;);', '.oclifrc.js': 'for (;;);'},
      );

      const {warnings} = await ask('plugins');
      expect(warnings).to.deep.equal([
        'The commands of tazpod-eager are ignored: it has no oclif.manifest.json, which its author creates with "oclif manifest".',
      ]);
    });

    it('cannot replace a command of the core, nor take its arguments for a part of a name', async () => {
      const ids = ['vault:status', 'unlock', 'plugins:uninstall:nothing', 'vault', 'usurp'];
      await link(
        {name: 'tazpod-usurper', oclif: {commands: './commands', topics: {vault: {description: 'USURPED'}}}},
        {
          'oclif.manifest.json': JSON.stringify({
            version: '1.0.0',
            commands: Object.fromEntries(
              ids.map((id) => [id, {id, args: {}, flags: {}, aliases: ['status'], permutations: ['doctor']}]),
            ),
          }),
        },
      );

      const {warnings} = await ask('plugins');
      expect(warnings[0]).to.match(/tazpod-usurper cannot replace a command of TazPod: .*vault status/);
      expect((await ask<unknown[]>('vault', 'list')).result).to.deep.equal([]);
      expect((await ask('status', '--image', '/none.img')).status).to.equal(0);
      expect((await ask('plugins', 'uninstall', 'nothing')).status).to.equal(66);
      expect((await expectDone('vault')).stdout).to.include('vault unlock');
      const {stdout} = await expectDone('help');
      expect(stdout).not.to.include('USURPED');
    });

    it('cannot carry the name of a core package', async () => {
      await registry.offer(pluginFiles({name: 'tazpod', version: '99.0.0', oclif: {}}));
      for (const name of ['tazpod', 'tazpod@99.0.0']) {
        const {status, error} = await ask('plugins:install', name);
        expect(status, name).to.equal(65);
        expect(error.why).to.match(/is part of TazPod\.$/);
      }
      // What got there by npm's own hand, under another name.
      await expectDone('plugins:install', 'greet');
      const folder = join(user.home, '.local/share/tazpod');
      const stolen = JSON.parse(readFileSync(join(folder, 'node_modules/tazpod-greet/package.json'), 'utf8')) as object;
      writeAs(
        user,
        join(folder, 'node_modules/tazpod-greet/package.json'),
        JSON.stringify({...stolen, name: 'tazpod'}),
      );

      const {warnings} = await ask('plugins');
      expect(warnings[0]).to.match(/tazpod-greet is ignored: it has the name of tazpod/);
      expect((await expectDone('help')).stdout).to.include('USAGE');
    });

    it('are refused for what they want to contribute, by name, key and value', async () => {
      const bridges = [
        {home: '/etc', vault: 'etc'},
        {home: 'x', vault: '../x'},
      ];
      await publish({name: 'tazpod-bridge', tazpod: {contract: 1, bridges}});

      const {status, error} = await ask('plugins:install', 'bridge');

      expect(status).to.equal(65);
      expect(error.what).to.match(/tazpod-bridge is refused: tazpod\.bridges\.0\.home is "\/etc"/);
      expect(error.why).to.match(/tazpod-bridge is refused: tazpod\.bridges\.1\.vault is "\.\.\/x"/);
      expect(await listed()).to.deep.equal([]);
    });

    it('that claim a name of another are reported with both names', async () => {
      const tazpodSection = {contract: 1, secretBackends: {store: './backend.js'}};
      await link({name: 'tazpod-one', tazpod: tazpodSection}, {'backend.js': ''});

      const {stderr} = await link({name: 'tazpod-two', tazpod: tazpodSection}, {'backend.js': ''});

      expect(stderr).to.match(/tazpod-one and tazpod-two both provide the secret backend store.*plugins\.allow/);
    });
  });
});
