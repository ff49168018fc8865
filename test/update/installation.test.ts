import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {root as checkout} from '../../scripts/setup.js';
import {describeInstallation} from '../../src/update/installation.ts';

const repository = 'https://example.org/tazpod';

describe('the way in which TazPod was installed', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tazpod-installed-'));
  });

  afterEach(() => rmSync(folder, {recursive: true}));

  const make = (path: string) => {
    mkdirSync(join(folder, path), {recursive: true});
    return join(folder, path);
  };

  it('is a checkout where git is', () => {
    const {kind, command} = describeInstallation(checkout, '9.9.9', repository);
    expect(kind).to.equal('checkout');
    expect(command).to.equal(`git -C ${checkout} pull && npm --prefix ${checkout} start`);
  });

  it('is npm’s, which this user can update where it is the user’s', () => {
    const root = make('lib/node_modules/tazpod');
    expect(describeInstallation(root, '9.9.9', repository)).to.deep.equal({
      kind: 'npm',
      command: `npm install --global --ignore-scripts --prefix ${folder} tazpod@9.9.9`,
      npmPrefix: folder,
    });
  });

  it('is a tarball’s where the bill of materials lies beside', () => {
    const root = make('opt/tazpod');
    writeFileSync(join(root, 'sbom.cdx.json'), '{}');
    const {kind, command} = describeInstallation(root, '9.9.9', repository);
    expect(kind).to.equal('tarball');
    const name = `tazpod-9.9.9-linux-${process.arch}`;
    // The directory above is the user's own here, so sudo is not needed.
    expect(command).to.equal(
      `curl -fLO https://example.org/tazpod/releases/download/v9.9.9/${name}.tar.xz && tar -xJf ${name}.tar.xz && ` +
        `./${name}/install.sh --prefix ${root}`,
    );
  });

  it('is npx’s in npx’s cache, where nothing is kept', () => {
    const root = make('.npm/_npx/0123abc/node_modules/tazpod');
    expect(describeInstallation(root, '9.9.9', repository)).to.deep.equal({kind: 'npx', command: 'npx tazpod@9.9.9'});
  });
});
