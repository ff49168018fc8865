import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {buildWhenStale} from '../../scripts/build.js';
import {root} from '../../scripts/setup.js';
import {contributionsOf} from '../../src/extensions/contributions.ts';
import {moduleKinds} from '../../src/extensions/kinds.ts';
import {loadModule} from '../../src/extensions/load.ts';
import {coreVersion} from './plugin-folder.ts';

type Pjson = {
  name: string;
  version: string;
  description: string;
  files: string[];
  dependencies?: Record<string, string>;
  oclif: never;
};

const parent = join(root, 'plugins');
const names = readdirSync(parent).filter((name) => existsSync(join(parent, name, 'package.json')));

describe('the plugins of this repository', () => {
  before(() => buildWhenStale());

  const read = (name: string) => {
    const folder = join(parent, name);
    const pjson = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Pjson;
    return {name: pjson.name, version: pjson.version, root: folder, type: 'link', pjson};
  };

  for (const name of names) {
    it(`${name} is in order: what it says it contributes is there, and is what it says`, async () => {
      const found = await contributionsOf([read(name)]);

      expect(found.problems).to.deep.equal([]);
      expect(found.plugins, 'it has a section').to.have.lengthOf(1);
      for (const kind of moduleKinds) {
        for (const each of Object.keys(found.plugins[0]!.contributions[kind] ?? {}))
          await loadModule(found, kind, each);
      }
    });

    it(`${name} can be published by itself`, () => {
      const {pjson, root: folder} = read(name);

      expect(pjson.name).to.equal(name);
      expect(pjson.version).to.equal(coreVersion);
      expect(pjson.description).not.to.equal('');
      expect(existsSync(join(folder, 'README.md')), 'README.md').to.equal(true);
      expect(pjson.files.filter((path) => path !== 'dist' && path !== '!dist/.*')).to.deep.equal([]);
      // A second copy of the core, or of oclif's, costs every command its start.
      expect(Object.keys(pjson.dependencies ?? {})).not.to.include.oneOf(['tazpod', '@oclif/core']);
    });
  }

  it('claim no name twice', async () => {
    expect((await contributionsOf(names.map(read))).problems).to.deep.equal([]);
  });
});
