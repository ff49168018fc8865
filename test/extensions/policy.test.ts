import {mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import type {InstalledPackage} from '../../src/extensions/installed-packages.ts';
import {refusalOf} from '../../src/extensions/policy.ts';
import {readPolicies} from '../../src/extensions/policy-files.ts';
import {makeFolder, makePlugin, removeFolders} from './plugin-folder.ts';

const integrity = `sha512-${'A'.repeat(86)}==`;

describe('a policy for plugins', () => {
  after(removeFolders);

  const policy = (allow: {name: string; version?: string; integrity?: string}[]) => [{source: '/p.yaml:1', allow}];
  const plugin = {name: 'tazpod-x', version: '1.2.3', integrity};

  it('allows everything without one, and nothing with an empty list', async () => {
    expect(await refusalOf([], plugin)).to.equal(undefined);
    expect(await refusalOf(policy([]), plugin)).to.match(
      /not in the list of allowed plugins .*\(plugins\.allow of \/p\.yaml:1\)/,
    );
  });

  const allowed = [{}, {version: '^1.0.0'}, {version: '1.2.3'}, {integrity}, {version: '>=1 <2', integrity}];
  for (const rule of allowed) {
    it(`allows 1.2.3 by ${JSON.stringify(rule)}`, async () => {
      expect(await refusalOf(policy([{name: 'tazpod-x', ...rule}]), plugin)).to.equal(undefined);
    });
  }

  const refused: [{version?: string; integrity?: string}, RegExp][] = [
    [{version: '~1.1.0'}, /^version 1\.2\.3 is not allowed; allowed: ~1\.1\.0/],
    [{version: 'nonsense'}, /^version 1\.2\.3 is not allowed/],
    [{integrity: 'sha512-other=='}, /^its integrity sha512-A+== is not the allowed one/],
  ];
  for (const [rule, says] of refused) {
    it(`refuses 1.2.3 by ${JSON.stringify(rule)}`, async () => {
      expect(await refusalOf(policy([{name: 'tazpod-x', ...rule}]), plugin)).to.match(says);
    });
  }

  it('takes one of several entries for a name', async () => {
    const rules = policy([
      {name: 'tazpod-x', version: '^2.0.0'},
      {name: 'tazpod-x', version: '^1.0.0'},
    ]);
    expect(await refusalOf(rules, plugin)).to.equal(undefined);
  });

  it('refuses a directory where an integrity is asked for', async () => {
    const folder = {name: 'tazpod-x', version: '1.2.3'};
    expect(await refusalOf(policy([{name: 'tazpod-x', integrity}]), folder)).to.match(/^it has no integrity/);
  });

  it('must be kept in every place that has one', async () => {
    const [wide, narrow] = [policy([{name: 'tazpod-x'}, {name: 'tazpod-y'}]), policy([{name: 'tazpod-y'}])];
    expect(await refusalOf([...wide, ...narrow], plugin)).to.match(/not in the list of allowed plugins/);
    expect(await refusalOf([...narrow, ...wide], plugin)).to.match(/not in the list of allowed plugins/);
  });

  describe('is read', () => {
    const allowing = (...names: string[]) =>
      `plugins: {allow: [${names.map((name) => `{name: ${name}}`).join(', ')}]}\n`;

    /** A home with the user's config.yaml, and a project in it with another; undefined: none. */
    function surroundings(texts: {user?: string; project?: string}) {
      const home = makeFolder();
      const workingFolder = join(home, 'project');
      mkdirSync(join(workingFolder, '.tazpod'), {recursive: true});
      mkdirSync(join(home, '.config/tazpod'), {recursive: true});
      if (texts.user !== undefined) writeFileSync(join(home, '.config/tazpod/config.yaml'), texts.user);
      if (texts.project !== undefined) writeFileSync(join(workingFolder, '.tazpod/config.yaml'), texts.project);
      return {environment: {}, workingFolder, home, uid: process.getuid!(), packs: []};
    }

    const makePack = (yaml: string): InstalledPackage =>
      makePlugin(
        {
          name: '@team/tazpod-pack',
          tazpod: {contract: 1, defaults: './team.yaml'},
          oclif: {plugins: ['tazpod-brought', 'tazpod-no-dependency']},
          more: {dependencies: {'tazpod-brought': '*', library: '*'}},
        },
        {'team.yaml': yaml},
      ) as never;

    const names = async (texts: {user?: string; project?: string}, packs: InstalledPackage[] = []) =>
      (await readPolicies(packs, surroundings(texts))).map(({allow}) => allow.map(({name}) => name));

    it('from the user’s and the project’s configuration, each for itself', async () => {
      const read = await names({user: allowing('a', 'b'), project: allowing('b', 'c')});
      expect(read).to.have.deep.members([
        ['a', 'b'],
        ['b', 'c'],
      ]);
      expect(await names({user: 'size: 1G\n'})).to.deep.equal([]);
    });

    it('from a pack where the user says nothing: what it names, itself, and what it brings', async () => {
      const pack = makePack(allowing('a'));
      expect(await names({}, [pack])).to.deep.equal([['@team/tazpod-pack', 'tazpod-brought', 'a']]);
      expect(await names({user: allowing('b')}, [pack])).to.deep.equal([['b']]);
      expect(await names({}, [makePack('size: 1G\n')])).to.deep.equal([]);
    });

    it('or not at all: then there is an error, and no guess', async () => {
      const read = readPolicies([], surroundings({user: 'plugins: {allow: [{nam: a}]}\n'}));
      const failure = await read.then(
        () => undefined,
        (error: unknown) => error as Error,
      );
      expect(failure?.message).to.match(/config\.yaml:1:\d+: plugins\.allow\[0\]/);
    });
  });
});
