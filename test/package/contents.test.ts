import {existsSync, readdirSync, readFileSync, statSync} from 'node:fs';
import {dirname, join, normalize} from 'node:path';
import {type Spec, Validation} from '@cyclonedx/cyclonedx-library';
import {expect} from 'chai';
import {parse} from 'yaml';
import {buildWhenStale} from '../../scripts/build.js';
import {billOfMaterials} from '../../scripts/package/bill-of-materials.js';
import {bundledPackages} from '../../scripts/bundle.js';
import {neededPackages} from '../../scripts/package/locked-packages.js';
import {manPages} from '../../scripts/package/man-pages.js';
import {root} from '../../scripts/setup.js';
import {packedFiles} from './packed-files.ts';

const mebibyte = 2 ** 20;
const plugins = readdirSync(join(root, 'plugins')).filter((name) =>
  existsSync(join(root, 'plugins', name, 'package.json')),
);

describe('What npm publishes', function () {
  this.timeout(60_000);
  let files: Map<string, number>;

  before(() => {
    buildWhenStale();
    files = packedFiles(root);
  });

  it('has these files at its top and no others', () => {
    const top = new Set([...files.keys()].map((path) => path.split('/')[0]));
    expect([...top].sort()).to.deep.equal([
      ...['CHANGELOG.md', 'CONTRIBUTING.md', 'LICENSE', 'README.md', 'SECURITY.md', 'archives', 'bin', 'dist', 'docs'],
      ...['oclif.manifest.json', 'package.json', 'plugins'],
    ]);
    expect([...files.keys()].filter((path) => path.startsWith('bin/')).sort()).to.deep.equal([
      ...['bin/relaunch.js', 'bin/run.js', 'bin/tazpod-ghost'],
    ]);
  });

  it('has every plugin as an archive, and every page that its pages link to', () => {
    const archives = [...files.keys()].filter((path) => path.startsWith('archives/'));
    expect(archives.map((path) => /^archives\/(tazpod-[a-z-]+)-\d/.exec(path)?.[1]).sort()).to.deep.equal(plugins);
    const broken = [...files.keys()]
      .filter((path) => path.endsWith('.md'))
      .flatMap((page) => {
        const text = readFileSync(join(root, page), 'utf8');
        return [...text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)].map(([, to]) => ({page, to: to!}));
      })
      .filter(({page, to}) => !files.has(normalize(join(dirname(page), to))));
    expect(broken).to.deep.equal([]);
  });

  it('has no package in what runs as root, and zxcvbn in the judge, which does not', () => {
    const bundled = (name: string) => [
      ...readFileSync(join(root, 'dist', name), 'utf8').matchAll(/^ *\/\/ node_modules\/(\S+)/gm),
    ];
    for (const name of [
      'main.js',
      'cleaning/main.js',
      'keys/main.js',
      'session/launch.js',
      'bridges/bridge-worker.js',
    ].map((each) => `ghost/${each}`)) {
      expect(bundled(name), name).to.deep.equal([]);
    }
    for (const name of ['server-process.js', 'block-worker.js', 'orphan-watch.js']) {
      expect(bundled(`engines/fuse/${name}`), name).to.deep.equal([]);
    }
    expect(
      bundled('strength/judge.js')
        .map(([, path]) => path)
        .join(),
    ).to.include('@zxcvbn-ts/core');
  });

  it('keeps within its budget of packages and bytes', () => {
    const packages = neededPackages('');
    const own = [...files.values()].reduce((sum, size) => sum + size, 0);
    const theirs = packages.reduce((sum, path) => sum + sizeOf(join(root, path)), 0);

    // Everything else is in the bundle.
    expect(
      packages.filter((path) => !path.startsWith('node_modules/npm/')),
      'packages that npm installs with it',
    ).to.deep.equal(['node_modules/npm']);
    expect(own / mebibyte, 'MiB of its own').to.be.at.most(7);
    expect(theirs / mebibyte, 'MiB of its packages').to.be.at.most(15);
  });

  it('names where its source, its bugs and its page are, in the core and in every plugin', () => {
    for (const folder of ['.', ...plugins.map((name) => `plugins/${name}`)]) {
      const {repository, bugs, homepage, license} = JSON.parse(
        readFileSync(join(root, folder, 'package.json'), 'utf8'),
      ) as Record<string, {url?: string; directory?: string}>;
      expect(repository?.url, folder).to.match(/^git\+https:\/\/.*\.git$/);
      expect(repository?.directory, folder).to.equal(folder === '.' ? undefined : folder);
      expect(bugs, folder).to.match(/^https:/);
      expect(homepage, folder).to.match(/^https:/);
      expect(license, folder).to.equal('MIT');
    }
  });
});

describe('The release workflow', () => {
  it('publishes with provenance, without a token of npm, by scripts that there are', () => {
    const text = readFileSync(join(root, '.github/workflows/release.yml'), 'utf8');
    const {jobs} = parse(text) as {
      jobs: {release: {permissions: object; steps: {run?: string; if?: string; with?: Record<string, unknown>}[]}};
    };
    expect(jobs.release.permissions).to.include({'id-token': 'write'});
    expect(text).not.to.match(/NPM_TOKEN|NODE_AUTH_TOKEN/);
    const {scripts} = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {scripts: Record<string, string>};
    const named = [...text.matchAll(/npm run ([\w:]+)/g)].map(([, name]) => name!);
    expect(named).to.include.members(['release:version', 'release:publish', 'package']);
    expect(named.filter((name) => scripts[name] === undefined)).to.deep.equal([]);
    expect(readFileSync(join(root, 'scripts/release-publish.js'), 'utf8')).to.include("'--provenance'");
  });

  it('finds in .changeset/ only packages that there are', () => {
    const names = ['tazpod', ...plugins];
    for (const file of readdirSync(join(root, '.changeset')).filter((name) => /^(?!README).*\.md$/.test(name))) {
      const [, head = ''] = /^---\n([^]*?)\n---\n\n\S/.exec(readFileSync(join(root, '.changeset', file), 'utf8'))!;
      expect(names, file).to.include.members(Object.keys(parse(head) as object));
    }
  });
});

describe('The bill of materials', function () {
  this.timeout(60_000);
  let packages: string[];

  before(() => {
    buildWhenStale();
    packages = [...neededPackages(''), ...bundledPackages()];
  });

  it('is valid CycloneDX, and names every package that is installed or bundled, and Node', async () => {
    const document = billOfMaterials(packages) as {
      specVersion: Spec.Version;
      components: {name: string; version: string; 'bom-ref': string}[];
      dependencies: {ref: string; dependsOn: string[]}[];
    };
    const validator = new Validation.JsonStrictValidator(document.specVersion);
    expect(await validator.validate(JSON.stringify(document))).to.equal(null);
    // The control: the validator finds what is wrong.
    expect(await validator.validate(JSON.stringify({...document, components: [{name: 'x'}]}))).not.to.equal(null);

    const listed = new Set(document.components.map(({name, version}) => `${name}@${version}`));
    for (const path of [...packages, 'node_modules/node']) {
      const {name, version} = JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8')) as {
        name: string;
        version: string;
      };
      expect(listed, path).to.include(`${name}@${version}`);
    }
    const references = document.components.map((component) => component['bom-ref']);
    expect(references).to.have.length(new Set(references).size);
    const names = new Set(document.components.map(({name}) => name));
    for (const name of ['typescript', 'mocha', 'eslint']) expect(names, 'a tool of the build').not.to.include(name);
  });
});

describe('The manual pages', () => {
  it('are there for TazPod and every topic, with every command that is not hidden', () => {
    const {commands} = JSON.parse(readFileSync(join(root, 'oclif.manifest.json'), 'utf8')) as {
      commands: Record<string, {id: string; hidden?: boolean}>;
    };
    const ids = Object.values(commands)
      .filter(({id, hidden}) => hidden !== true && !id.startsWith('_'))
      .map(({id}) => id);
    const pages = manPages();
    expect([...pages.keys()].sort()).to.deep.equal(
      [...new Set(['tazpod.1', ...ids.map((id) => `tazpod-${id.split(':')[0]!}.1`)])].sort(),
    );
    for (const id of ids) {
      expect(pages.get(`tazpod-${id.split(':')[0]!}.1`)).to.include(
        `.SS "tazpod ${id.replaceAll(':', ' ').replaceAll('-', String.raw`\-`)}"`,
      );
    }
    for (const [name, text] of pages) expect(text, name).not.to.match(/undefined|<%|\[object/);
  });
});

/** The bytes of a package's own files; those nested in it are listed by themselves. */
function sizeOf(path: string): number {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.size;
  return readdirSync(path)
    .filter((name) => name !== 'node_modules')
    .reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}
