// A Debian package of the laid-out tree: everything in /usr/lib/tazpod, which is root's, and a link in /usr/bin.
import {cpSync, existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {gzipSync} from 'node:zlib';
import {readFileSync} from 'node:fs';
import {root} from '../setup.js';
import {sourceTimeMs} from './bill-of-materials.js';
import {completions} from './completions.js';
import {manPages} from './man-pages.js';
import {run} from './tree.js';

/** Debian's names of the processors that Node is built for. */
const architectures = /** @type {Record<string, string>} */ ({x64: 'amd64', arm64: 'arm64'});

/** What TazPod runs, by the packages of Debian that bring it, and what its Node needs. */
const depends = [
  'bsdutils',
  'coreutils',
  'cryptsetup-bin (>= 2:2.4)',
  'e2fsprogs (>= 1.43)',
  'fuse2fs',
  'libc6 (>= 2.28)',
  'libstdc++6',
  'mount',
  'sudo | sudo-rs',
  'util-linux (>= 2.36)',
];

/**
 * @param {string} tree the laid-out files; they are moved
 * @param {{version: string, sizeBytes: number, output: string, level: number}} options
 * @returns {string} the package's path
 */
export function makeDebianPackage(tree, {version, sizeBytes, output, level}) {
  const architecture = architectures[process.arch] ?? process.arch;
  const stage = `${tree}.deb`;
  rmSync(stage, {recursive: true, force: true});
  mkdirSync(join(stage, 'usr/lib'), {recursive: true});
  renameSync(tree, join(stage, 'usr/lib/tazpod'));
  layOutBeside(stage);
  mkdirSync(join(stage, 'DEBIAN'));
  const control = {
    Package: 'tazpod',
    Version: version.replace('-', '~'),
    Architecture: architecture,
    Maintainer: 'TazPod contributors <tazpod@users.noreply.invalid>',
    'Installed-Size': String(Math.ceil(sizeBytes / 1024)),
    Depends: depends.join(', '),
    Recommends: 'dmsetup, man-db',
    Section: 'admin',
    Priority: 'optional',
    Description: `secrets in one LUKS2 image, opened for one shell only
 TazPod keeps kubeconfigs, cloud keys, SSH keys and API tokens in one encrypted
 file, and opens it for one shell only. Everywhere else on the machine the
 directory is empty, to other processes of the same user too.`,
  };
  const lines = Object.entries(control).map(([name, value]) => `${name}: ${value}\n`);
  writeFileSync(join(stage, 'DEBIAN/control'), lines.join(''));
  for (const name of ['postinst', 'postrm']) {
    cpSync(join(root, 'packaging/debian', name), join(stage, 'DEBIAN', name));
  }
  run('chmod', ['-R', 'u=rwX,go=rX', join(stage, 'DEBIAN')]);
  run('chmod', ['0755', join(stage, 'DEBIAN/postinst'), join(stage, 'DEBIAN/postrm')]);
  const path = join(output, `tazpod_${version}_${architecture}.deb`);
  const epoch = String(Math.floor(sourceTimeMs() / 1000));
  const packing = level === 0 ? ['-Znone'] : ['-Zxz', `-z${level}`, '--threads-max=2'];
  run('dpkg-deb', ['--root-owner-group', ...packing, '--build', stage, path], {SOURCE_DATE_EPOCH: epoch});
  renameSync(join(stage, 'usr/lib/tazpod'), tree);
  rmSync(stage, {recursive: true});
  return path;
}

/**
 * The command, manual pages, completions and the copyright file, where Debian looks for them.
 *
 * @param {string} stage
 */
function layOutBeside(stage) {
  const place = (/** @type {string} */ path, /** @type {string | Buffer} */ content) => {
    mkdirSync(join(stage, path, '..'), {recursive: true});
    writeFileSync(join(stage, path), content, {mode: 0o644});
  };
  mkdirSync(join(stage, 'usr/bin'), {recursive: true});
  symlinkSync('../lib/tazpod/bin/tazpod', join(stage, 'usr/bin/tazpod'));
  for (const [name, text] of manPages()) place(`usr/share/man/man1/${name}.gz`, gzipSync(text, {level: 9}));
  for (const [path, text] of completions()) {
    place(`usr/share/${path.replace('zsh/site-functions', 'zsh/vendor-completions')}`, text);
  }
  const documents = ['README.md', 'CHANGELOG.md', 'sbom.cdx.json'];
  for (const name of documents) {
    const from = join(stage, 'usr/lib/tazpod', name);
    if (existsSync(from)) place(`usr/share/doc/tazpod/${name}`, readFileSync(from));
  }
  place('usr/share/doc/tazpod/copyright', copyright());
}

/** In the machine-readable form of Debian's policy. */
function copyright() {
  const license = readFileSync(join(root, 'LICENSE'), 'utf8').trim();
  const [, holder = ''] = /^Copyright \(c\) (.*)$/m.exec(license) ?? [];
  const indented = license
    .split('\n')
    .map((line) => ` ${line === '' ? '.' : line}`)
    .join('\n');
  return `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: TazPod

Files: *
Copyright: ${holder}
License: Expat

Files: usr/lib/tazpod/node_modules/*
Copyright: the authors that each package names in its package.json
License: various
 Each package's license stands in its package.json and its LICENSE file; sbom.cdx.json lists them all.

License: Expat
${indented}
`;
}
