import {Config} from '@oclif/core';
import {expect} from 'chai';
import {root} from '../../scripts/setup.js';
import {completeValue, type ValueSources} from '../../src/shell/completions.ts';

const sources: ValueSources = {
  images: () => ['/home/ada/work.img', '/home/ada/private.img'],
  vaults: () => ['agents', 'work'],
  secrets: () => ['API_TOKEN', 'API_URL', 'kube/config'],
  plugins: async () => ['tazpod-bash', 'tazpod-infisical'],
  shells: async () => ['bash', 'zsh'],
  backends: async () => ['production', 'staging'],
};

describe('completion of values', () => {
  let config: Config;

  before(async () => {
    config = await Config.load({root, userPlugins: false, devPlugins: false});
  });

  const complete = (line: string, given = sources) => completeValue(line.split(' '), config.commands, given);

  it('offers the values of a flag, after a space and after "="', async () => {
    expect(await complete('exec --engine ')).to.deep.equal(['dm-crypt', 'fuse']);
    expect(await complete('vault unlock --isolation pr')).to.deep.equal(['private']);
    expect(await complete('vault:unlock --isolation=s')).to.deep.equal(['--isolation=sealed']);
  });

  it('offers the values of a list that are not in it yet', async () => {
    const all = await complete('exec --share ');
    expect(all.length).to.be.above(2);
    const [first, second] = all as [string, string];
    const more = await complete(`exec --share ${first},`);
    expect(more).to.include(`${first},${second}`);
    expect(more).not.to.include(`${first},${first}`);
    expect(await complete('exec --only API_TOKEN,API')).to.deep.equal(['API_TOKEN,API_URL']);
  });

  it('offers open vaults, pulled secrets, plugins, shells and backends', async () => {
    expect(await complete('lock --image /home/ada/w')).to.deep.equal(['/home/ada/work.img']);
    expect(await complete('unlock --vault a')).to.deep.equal(['agents']);
    expect(await complete('vault forget ')).to.deep.equal(['agents', 'work']);
    expect(await complete('lock -i ')).to.have.length(2);
    expect(await complete('get API')).to.deep.equal(['API_TOKEN', 'API_URL']);
    expect(await complete('secrets get --reveal k')).to.deep.equal(['kube/config']);
    expect(await complete('plugins uninstall tazpod-bash ')).to.include('tazpod-infisical');
    expect(await complete('shell install ')).to.deep.equal(['bash', 'zsh']);
    expect(await complete('login st')).to.deep.equal(['staging']);
    expect(await complete('config schema ')).to.include('config');
  });

  it('offers nothing for commands, flags, files, the command of exec, and further arguments', async () => {
    for (const line of [
      '',
      'vau',
      'exec',
      'exec --eng',
      'unlock --passphrase-file ',
      'exec -- ',
      'get A B',
      'nonsense ',
    ]) {
      expect(await complete(line), line).to.deep.equal([]);
    }
  });

  it('asks no source that the word has nothing to do with', async () => {
    const asked = (): never => {
      throw new Error('asked');
    };
    const none = {images: asked, vaults: asked, secrets: asked, plugins: asked, shells: asked, backends: asked};
    expect(await complete('unlock --engine ', none)).to.have.length(2);
    expect(await complete('unlock --size ', none)).to.deep.equal([]);
  });
});
