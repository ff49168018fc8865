import {writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {parsePackageSpec} from '../../src/extensions/package-spec.ts';
import {makeFolder, removeFolders} from './plugin-folder.ts';

describe('what is named to be installed', () => {
  after(removeFolders);

  const fromRegistry: [string, string[], string][] = [
    ['infisical', ['tazpod-infisical', 'infisical'], 'latest'],
    ['tazpod-infisical', ['tazpod-infisical'], 'latest'],
    ['tazpod-infisical@^1.2.0', ['tazpod-infisical'], '^1.2.0'],
    ['infisical@next', ['tazpod-infisical', 'infisical'], 'next'],
    ['@team/tazpod-pack', ['@team/tazpod-pack'], 'latest'],
    ['@team/tazpod-pack@1.x', ['@team/tazpod-pack'], '1.x'],
  ];
  for (const [text, names, tag] of fromRegistry) {
    it(`${text} is ${names.join(' or ')} of the registry, ${tag}`, () => {
      expect(parsePackageSpec(text, '/')).to.deep.equal({from: 'registry', names, tag});
    });
  }

  it('an archive is meant from the working directory', () => {
    const folder = makeFolder();
    writeFileSync(join(folder, 'x-1.0.0.tgz'), '');

    for (const text of ['x-1.0.0.tgz', './x-1.0.0.tgz', `${folder}/x-1.0.0.tgz`, 'file:x-1.0.0.tgz']) {
      expect(parsePackageSpec(text, folder)).to.deep.equal({from: 'address', address: `${folder}/x-1.0.0.tgz`});
    }
  });

  it('an address is npm’s to understand', () => {
    const address = 'git+ssh://git@example.org/team/plugin.git';
    expect(parsePackageSpec(address, '/')).to.deep.equal({from: 'address', address});
  });

  it('a directory is to be linked instead', () => {
    expect(() => parsePackageSpec('./', makeFolder()))
      .to.throw(/is a directory/)
      .with.property('next')
      .that.matches(/^tazpod plugins link /);
  });

  for (const text of ['', '--registry=x', 'UPPER', 'a b', 'x@npm:y', '@scope', 'a/../b', 'x@--force', '$(reboot)']) {
    it(`${JSON.stringify(text)} is no name`, () => {
      expect(() => parsePackageSpec(text, '/'))
        .to.throw()
        .with.property('code', 64);
    });
  }

  it('an archive that does not exist is reported', () => {
    expect(() => parsePackageSpec('./gone.tgz', '/'))
      .to.throw(/\/gone\.tgz does not exist/)
      .with.property('code', 66);
  });
});
