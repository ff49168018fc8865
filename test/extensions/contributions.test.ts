import {symlinkSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {contributionsOf} from '../../src/extensions/contributions.ts';
import {defaultsFiles} from '../../src/extensions/packs.ts';
import {makePlugin, removeFolders} from './plugin-folder.ts';

describe('what plugins contribute', () => {
  after(removeFolders);

  it('is read from package.json, and nothing of a plugin runs for it', async () => {
    const tazpod = {
      contract: 1,
      secretBackends: {store: './backend.js'},
      bridges: [{home: '.store', vault: '.auth-store'}],
      latches: [{command: 'store-cli', reason: 'its memory lives in the vault'}],
      defaults: './team.yaml',
    };
    const files = {'backend.js': 'process.exit(99);', 'index.js': 'process.exit(99);', 'team.yaml': 'size: 1G\n'};
    const plugin = makePlugin({name: 'tazpod-store', tazpod, more: {main: 'index.js'}}, files);

    const found = await contributionsOf([makePlugin({name: 'other-oclif-plugin'}), plugin]);

    expect(found.problems).to.deep.equal([]);
    expect(found.plugins).to.have.lengthOf(1);
    expect(found.plugins[0]!.plugin.name).to.equal('tazpod-store');
    expect(found.plugins[0]!.contributions).to.deep.equal(tazpod);
    expect(defaultsFiles(found).map(({path}) => path)).to.deep.equal([join(plugin.root, 'team.yaml')]);
  });

  const module = {'backend.js': ''};
  const refused: {what: string; tazpod: unknown; says: RegExp}[] = [
    {what: 'a section that is no mapping', tazpod: 'yes', says: /tazpod is "yes", and must be a mapping/},
    {what: 'no contract', tazpod: {}, says: /tazpod\.contract must be 1|tazpod\.contract is missing/},
    {
      what: 'a newer contract',
      tazpod: {contract: 2},
      says: /contract 2, and this TazPod has contract 1.*update TazPod/,
    },
    {what: 'an older contract', tazpod: {contract: 0}, says: /contract 0, and this TazPod has.*plugins update/},
    {what: 'an unknown key', tazpod: {contract: 1, backends: {}}, says: /tazpod\.backends is unknown/},
    {
      what: 'a bridge onto /etc',
      tazpod: {contract: 1, bridges: [{home: '/etc', vault: 'x'}]},
      says: /tazpod\.bridges\.0\.home is "\/etc", and must be a relative path/,
    },
    {
      what: 'a bridge out of the home',
      tazpod: {contract: 1, bridges: [{home: 'x/../../y', vault: 'x'}]},
      says: /tazpod\.bridges\.0\.home is "x\/\.\.\/\.\.\/y"/,
    },
    {
      what: 'a bridge out of the vault',
      tazpod: {contract: 1, bridges: [{home: 'x', vault: '../x'}]},
      says: /tazpod\.bridges\.0\.vault is "\.\.\/x"/,
    },
    {
      what: 'a bridge over the whole home',
      tazpod: {contract: 1, bridges: [{home: '.', vault: 'x'}]},
      says: /tazpod\.bridges\.0\.home is "\."/,
    },
    {
      what: 'a bridge into what is TazPod’s own',
      tazpod: {contract: 1, bridges: [{home: 'x', vault: '.tazpod/environment'}]},
      says: /tazpod\.bridges\.0\.vault is "\.tazpod\/environment".*TazPod’s own/,
    },
    {
      what: 'a latch that is shell code',
      tazpod: {contract: 1, latches: [{command: 'a;rm -rf ~'}]},
      says: /tazpod\.latches\.0\.command is "a;rm -rf ~", and must be a program name/,
    },
    {
      what: 'a latch on TazPod itself',
      tazpod: {contract: 1, latches: [{command: 'tazpod'}]},
      says: /tazpod\.latches\.0\.command is "tazpod"/,
    },
    {
      what: 'a reason that paints on the terminal',
      tazpod: {contract: 1, latches: [{command: 'a', reason: '\u001b[2J'}]},
      says: /tazpod\.latches\.0\.reason is "\\u001b\[2J", and must be one line/,
    },
    {
      what: 'a module out of the package',
      tazpod: {contract: 1, secretBackends: {x: './../x.js'}},
      says: /tazpod\.secretBackends\.x is "\.\/\.\.\/x\.js", and must be a path in the package/,
    },
    {
      what: 'a module by its absolute path',
      tazpod: {contract: 1, shells: {x: '/etc/passwd'}},
      says: /tazpod\.shells\.x is "\/etc\/passwd"/,
    },
    {
      what: 'a module that is not there',
      tazpod: {contract: 1, cleanupStrategies: {x: './gone.js'}},
      says: /tazpod\.cleanupStrategies\.x is "\.\/gone\.js", which does not exist/,
    },
    {
      what: 'a name that is none',
      tazpod: {contract: 1, secretBackends: {'../x': './backend.js'}},
      says: /tazpod\.secretBackends.*must consist of lower-case letters/,
    },
  ];
  for (const {what, tazpod, says} of refused) {
    it(`leaves a plugin out for ${what}, and names it with key and value`, async () => {
      const found = await contributionsOf([makePlugin({name: 'tazpod-bad', tazpod}, module)]);

      expect(found.plugins).to.deep.equal([]);
      expect(found.problems).to.have.lengthOf(1);
      expect(found.problems[0]).to.match(/^The plugin tazpod-bad is ignored: /);
      expect(found.problems[0]).to.match(says);
    });
  }

  it('stays in the package when a link leads out of it', async () => {
    const plugin = makePlugin({name: 'tazpod-bad', tazpod: {contract: 1, secretBackends: {x: './link/passwd'}}});
    symlinkSync('/etc', join(plugin.root, 'link'));

    const {problems} = await contributionsOf([plugin]);

    expect(problems[0]).to.include('tazpod-bad').and.to.include('points outside the package');
  });

  it('tells two plugins that bring one name, and how to choose', async () => {
    const tazpod = {contract: 1, secretBackends: {store: './backend.js'}};
    const plugins = ['tazpod-one', 'tazpod-two'].map((name) => makePlugin({name, tazpod}, module));

    const {problems} = await contributionsOf(plugins);

    expect(problems).to.have.lengthOf(1);
    expect(problems[0]).to.match(/tazpod-one and tazpod-two both provide the secret backend store.*plugins\.allow/);
  });

  it('tells two bridges of one directory, unless they lead to one place', async () => {
    const bridgeTo = (name: string, vault: string) =>
      makePlugin({name, tazpod: {contract: 1, bridges: [{home: '.x', vault}]}});

    const apart = await contributionsOf([bridgeTo('tazpod-one', 'a'), bridgeTo('tazpod-two', 'b')]);
    const together = await contributionsOf([bridgeTo('tazpod-one', 'a'), bridgeTo('tazpod-two', 'a')]);

    expect(apart.problems[0]).to.match(/tazpod-one and tazpod-two both provide the bridge of ~\/\.x/);
    expect(together.problems).to.deep.equal([]);
  });

  it('does not let one plugin’s faults keep another’s contributions away', async () => {
    const good = makePlugin({name: 'tazpod-good', tazpod: {contract: 1, shells: {sh: './backend.js'}}}, module);
    const bad = makePlugin({name: 'tazpod-bad\u001b[2J', tazpod: {contract: 1, shells: 7}});

    const found = await contributionsOf([bad, good]);

    expect(found.plugins.map(({plugin}) => plugin.name)).to.deep.equal(['tazpod-good']);
    expect(found.problems.join()).not.to.include('\u001b');
  });
});
