import {chmodSync, chownSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {expect} from 'chai';
import {
  type Configuration,
  formatOrigin,
  loadConfig,
  requireSettings,
  readConfig,
  type Surroundings,
} from '../../src/config/config.ts';
import {failureOf} from '../failure-of.ts';
import {skip} from '../skip.ts';

describe('The configuration', () => {
  let top: string;
  let home: string;
  let project: string;
  let remarks: string[];

  beforeEach(() => {
    top = realpathSync(mkdtempSync(join(tmpdir(), 'tazpod-config-')));
    home = join(top, 'home');
    project = join(home, 'work/project');
    mkdirSync(join(project, 'deep/down'), {recursive: true});
    remarks = [];
  });

  afterEach(() => rmSync(top, {recursive: true}));

  function write(path: string, text: string): string {
    mkdirSync(dirname(path), {recursive: true});
    writeFileSync(path, text);
    return path;
  }

  const ofProject = (text: string) => write(join(project, '.tazpod/config.yaml'), text);
  const ofUser = (text: string) => write(join(home, '.config/tazpod/config.yaml'), text);
  const ofPack = (name: string, text: string) => ({
    plugin: {name},
    path: write(join(top, 'packs', name, 'team.yaml'), text),
  });

  function surroundings(more: Partial<Surroundings> = {}): Surroundings {
    return {
      environment: {},
      workingFolder: join(project, 'deep/down'),
      home,
      uid: process.getuid!(),
      packs: [],
      ...more,
    };
  }

  const load = (more: Partial<Surroundings> = {}) => loadConfig(surroundings(more), (text) => remarks.push(text));
  const fault = async (more: Partial<Surroundings> = {}) => {
    const {code, message} = await failureOf(() => load(more));
    expect(code).to.equal(78);
    return message;
  };
  const shown = ({values, origins}: Configuration, key: keyof Configuration['values']) => [
    values[key],
    formatOrigin(origins[key]),
  ];

  it('is what is built in, where nobody says anything', async () => {
    const {values, origins, bridges, latches, policies, projectFolder} = await load();
    expect(values).to.deep.equal({size: '512M'});
    expect(new Set(Object.values(origins).map(formatOrigin))).to.deep.equal(new Set(['built-in']));
    expect({bridges, latches, policies, projectFolder}).to.deep.equal({
      bridges: [],
      latches: [],
      policies: [],
      projectFolder: undefined,
    });
  });

  it('takes the environment before the project before the user before packs, value by value', async () => {
    const packs = [
      ofPack('one', 'size: 1G\nshells: [zsh]\n'),
      ofPack('two', 'size: 2G\nshells: [fish]\ncleanup: {strategy: smart}\n'),
    ];
    const at = (path: string) => join(top, path);
    let config = await load({packs});
    expect(shown(config, 'size')).to.deep.equal(['1G', `one (${at('packs/one/team.yaml')}:1)`]);
    expect(shown(config, 'cleanup.strategy')).to.deep.equal(['smart', `two (${at('packs/two/team.yaml')}:3)`]);
    const user = ofUser('# mine\nengine: fuse\nsize: 3G\n');
    config = await load({packs});
    expect(shown(config, 'size')).to.deep.equal(['3G', `${user}:3`]);
    const file = ofProject('\nsize: 4G\n');
    config = await load({packs});
    expect(shown(config, 'size')).to.deep.equal(['4G', `${file}:2`]);
    expect(config.projectFolder).to.equal(project);
    config = await load({packs, environment: {TAZPOD_SIZE: '5G', TAZPOD_ENGINE: ''}});
    expect(shown(config, 'size')).to.deep.equal(['5G', 'TAZPOD_SIZE']);
    expect(shown(config, 'engine')).to.deep.equal(['fuse', `${user}:2`]);
    expect(shown(config, 'shells')).to.deep.equal([['zsh'], `one (${at('packs/one/team.yaml')}:2)`]);
  });

  it('reads every variable that it knows', async () => {
    const {values} = await load({
      environment: {
        TAZPOD_IMAGE: '~/team.img',
        TAZPOD_MOUNT_POINT: 'here',
        TAZPOD_ENGINE: 'dm-crypt',
        TAZPOD_ISOLATION: 'private',
        TAZPOD_SIZE: '1G',
        TAZPOD_CLEANUP_STRATEGY: 'smart',
        TAZPOD_PLUGINS_REGISTRY: 'http://localhost:4873/',
        TAZPOD_UPDATE_NOTICE: 'never',
      },
    });
    expect(values).to.deep.equal({
      image: join(home, 'team.img'),
      'mount-point': join(project, 'deep/down/here'),
      engine: 'dm-crypt',
      isolation: 'private',
      size: '1G',
      'cleanup.strategy': 'smart',
      'plugins.registry': 'http://localhost:4873/',
      'update-notice': 'never',
    });
  });

  it('names a variable that is wrong to those who need its setting, and to nobody else', async () => {
    const config = await load({environment: {TAZPOD_ENGINE: 'fuze', TAZPOD_SIZE: '1G'}});
    expect(await failureOf(() => requireSettings(config, 'image', 'engine'))).to.include({
      code: 78,
      message: 'The environment variable TAZPOD_ENGINE must be one of "dm-crypt", "fuse"; did you mean "fuse"?',
    });
    requireSettings(config, 'image', 'size');
    expect(config.values.size).to.equal('1G');
  });

  it('takes paths from the directory that their file is for, and ~ for the home', async () => {
    ofProject('image: vaults/team.img\nmount-point: ~/secrets-team\n');
    expect((await load()).values).to.include({
      image: join(project, 'vaults/team.img'),
      'mount-point': join(home, 'secrets-team'),
    });
    rmSync(join(project, '.tazpod'), {recursive: true});
    ofUser('image: my.img\nmount-point: x/y\n');
    expect((await load()).values).to.include({image: join(home, 'my.img'), 'mount-point': join(home, 'x/y')});
    rmSync(join(home, '.config'), {recursive: true});
    const packs = [ofPack('team', 'image: .tazpod-vault/team.img\n')];
    expect((await load({packs})).values.image).to.equal(join(project, 'deep/down/.tazpod-vault/team.img'));
    ofProject('');
    expect((await load({packs})).values.image).to.equal(join(project, '.tazpod-vault/team.img'));
  });

  it('takes the nearest project, and the user’s file from XDG_CONFIG_HOME', async () => {
    write(join(home, 'work/.tazpod/config.yaml'), 'size: 1G\nengine: fuse\n');
    ofProject('size: 2G\n');
    ofUser('shells: [bash]\n');
    write(join(top, 'xdg/tazpod/config.yaml'), 'shells: [fish]\n');
    expect((await load({environment: {XDG_CONFIG_HOME: join(top, 'xdg')}})).values).to.deep.equal({
      size: '2G',
      shells: ['fish'],
    });
    // A relative one is to be ignored, says the specification.
    expect((await load({environment: {XDG_CONFIG_HOME: 'xdg'}, workingFolder: top})).values.shells).to.deep.equal([
      'bash',
    ]);
  });

  it('gathers bridges and latches from user and packs, each thing once', async () => {
    ofUser('bridges:\n  - {home: .infisical, vault: mine}\nlatches:\n  - command: gemini\n    reason: mine\n');
    ofProject('latches: [{command: kubectl}]\n');
    const packs = [
      ofPack(
        'team',
        'bridges: [{home: .infisical, vault: .auth-infisical}, {home: .aws, vault: aws}]\nlatches: [{command: gemini}]\n',
      ),
    ];
    const {bridges, latches} = await load({packs});
    expect(bridges.map(({home: at, vault, origin}) => [at, vault, origin.from])).to.deep.equal([
      ['.infisical', 'mine', 'user'],
      ['.aws', 'aws', 'pack'],
    ]);
    expect(latches.map(({command, reason, origin}) => [command, reason, origin.from])).to.deep.equal([
      ['kubectl', undefined, 'project'],
      ['gemini', 'mine', 'user'],
    ]);
  });

  it('lets a project narrow the policy of user or pack, and never widen it', async () => {
    const packs = [ofPack('team', 'plugins: {allow: [{name: tazpod-bash}]}\n')];
    const file = ofProject('plugins:\n  allow: [{name: "@evil/x"}]\n');
    const names = ({policies}: Configuration) =>
      policies.map(({source, allow}) => [source, allow.map(({name}) => name).join()]);
    expect(names(await load({packs}))).to.deep.equal([
      [`${file}:2`, '@evil/x'],
      [`team (${packs[0]!.path}:1)`, 'tazpod-bash'],
    ]);
    const user = ofUser('plugins: {allow: [{name: tazpod-pass, version: ^1.0.0}]}\n');
    expect(names(await load({packs}))).to.deep.equal([
      [`${file}:2`, '@evil/x'],
      [`${user}:1`, 'tazpod-pass'],
    ]);
  });

  describe('of a project, which may have been cloned from anywhere,', () => {
    const refused: readonly (readonly [string, string])[] = [
      ['image: ~/.tazpod-vault/vault.img', 'image must be in the project’s directory'],
      ['image: ../other/vault.img', 'image must be in the project’s directory'],
      ['image: /dev/sda', 'image must be in the project’s directory'],
      ['image: link/vault.img', 'image must be in the project’s directory'],
      ['mount-point: ~/.ssh', 'mount-point must be ~/secrets or ~/secrets-NAME'],
      ['mount-point: ~/bin', 'mount-point must be ~/secrets'],
      ['mount-point: ~/secrets/../.ssh', 'mount-point must be ~/secrets'],
      ['mount-point: /etc', 'mount-point must be below your home directory'],
      ['mount-point: "~"', 'mount-point must be below your home directory'],
      ['default-vault: agents', 'default-vault cannot be set in a project file'],
      ['isolation: private', 'isolation can only be "sealed" in a project file'],
      ['size: 17G', 'size can be at most 16G'],
      ['size: 1T', 'size can be at most 16G'],
      ['size: "99999999999999999999"', 'size can be at most 16G'],
      ['bridges: []', 'bridges cannot be set in a project file'],
      ['bridges: [{home: .ssh, vault: ssh}]', 'bridges cannot be set in a project file'],
      ['plugins: {registry: "https://evil.example/"}', 'plugins.registry cannot be set in a project file'],
      ['share: [ssh-agent]', 'share cannot be set in a project file'],
      ['update-notice: daily', 'update-notice cannot be set in a project file'],
    ];
    for (const [text, sentence] of refused) {
      it(`may not say "${text}"`, async () => {
        symlinkSync(home, join(project, 'link'));
        const file = ofProject(`${text}\n`);
        const [, place, said] = /^(.*):1:\d+: (.*)$/.exec(await fault())!;
        expect([place, said!.slice(0, sentence.length)]).to.deep.equal([file, sentence]);
      });
    }

    it('may say what its own vault is like', async () => {
      ofProject('image: .tazpod/vault/vault.img\nmount-point: secrets\nisolation: sealed\nsize: 16G\nengine: fuse\n');
      expect((await load()).values).to.include({
        isolation: 'sealed',
        size: '16G',
        'mount-point': join(project, 'secrets'),
      });
    });

    it('is left unread, with a warning, where it belongs to somebody else', async function () {
      if (process.getuid!() !== 0) skip(this, 'only root can give a file away: sudo npm test');
      const file = ofProject('size: 4G\n');
      write(join(home, 'work/.tazpod/config.yaml'), 'size: 8G\n');
      chownSync(file, 65534, 65534);
      expect((await load()).values.size).to.equal('512M');
      expect(remarks).to.deep.equal([`${file} is ignored: it or its directory belongs to another user.`]);
      chownSync(file, 0, 0);
      chownSync(dirname(file), 65534, 65534);
      expect((await load()).values.size).to.equal('512M');
    });

    it('is left unread, with a warning, where everybody may write it', async () => {
      const file = ofProject('size: 4G\n');
      chmodSync(file, 0o646);
      expect((await load()).values.size).to.equal('512M');
      expect(remarks[0]).to.include('everybody can write to it');
      chmodSync(file, 0o664);
      expect((await load()).values.size).to.equal('4G');
    });
  });

  it('of a user may say what a project may not', async () => {
    ofUser(
      'image: ~/x.img\nmount-point: ~/.vault\nisolation: private\nsize: 1T\nbridges: [{home: .ssh, vault: ssh}]\n',
    );
    expect((await load()).values).to.include({isolation: 'private', size: '1T'});
  });

  it('is refused for values that could do harm, in every file', async () => {
    const refused: readonly (readonly [string, string])[] = [
      ['latches: [{command: /bin/sh}]', 'latches[0].command must be the name of a program'],
      ['latches: [{command: "a;b"}]', 'latches[0].command must be the name of a program'],
      ['latches: [{command: cd}]', 'latches[0].command is a keyword or a builtin of shells'],
      ['latches: [{command: x, reason: "a\\eb"}]', 'latches[0].reason must be one line'],
      ['bridges: [{home: ../x, vault: x}]', 'bridges[0].home must be a relative path'],
      ['bridges: [{home: x, vault: /etc}]', 'bridges[0].vault must be a relative path'],
      ['mount-point: /etc', 'mount-point must be below your home directory'],
      ['image: ~root/x', 'image may begin with "~/"'],
      ['plugins: {registry: "file:///x"}', 'plugins.registry must be an address'],
      ['plugins: {allow: [{name: "../x"}]}', 'plugins.allow[0].name must be the name of an npm package'],
      ['plugins: {allow: [{name: x, integrity: md5-x}]}', 'plugins.allow[0].integrity must look like sha512'],
      ['size: 512', 'size must be a string: put it in quotation marks'],
    ];
    for (const [text, sentence] of refused) {
      ofUser(`${text}\n`);
      expect(await fault()).to.include(sentence);
    }
  });

  it('says what is wrong and keeps the rest, for those who only look', async () => {
    ofUser('engine: fuse\n');
    const file = ofProject('sise: 1G\n');
    const {configuration, faults, files} = await readConfig(surroundings());
    expect(configuration.values).to.deep.equal({size: '512M', engine: 'fuse'});
    expect(faults.map(({message}) => message)).to.deep.equal([`${file}:1:1: sise is unknown; did you mean "size"?`]);
    expect(files.map(({from, state}) => [from, state])).to.deep.equal([
      ['project', 'faulty'],
      ['user', 'found'],
    ]);
  });

  it('loses a pack whose defaults are wrong, with a warning, and nothing else', async () => {
    const packs = [ofPack('broken', 'sise: 1G\n'), ofPack('whole', 'engine: fuse\n')];
    expect((await load({packs})).values).to.deep.equal({size: '512M', engine: 'fuse'});
    expect(remarks).to.have.length(1);
    expect(remarks[0]).to.match(/^The defaults of the plugin broken are ignored: .*team\.yaml:1:1: sise is unknown/);
  });
});
