// Packs every plugin of this repository into archives/, as npm would publish it, but with everything that it depends on
// inside. The package carries these archives, and a checkout makes them, so that a plugin can be installed without a
// registry.
import {spawnSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {root} from '../setup.js';
import {endWith, say, SetUpError} from '../terminal.js';
import {neededPackages} from './locked-packages.js';

/** Where the archives of this checkout lie. */
const archiveDirectory = join(root, 'archives');

/** What is never read at run time, and makes up most of the bytes of some packages. */
const unneeded = /\.(d\.[cm]?ts|[cm]?ts|map|md|markdown|flow)$/i;

/** Packages that the SDK of Infisical depends on by mistake. their package.json is enough for npm. */
const unused = new Set(['typescript']);

/**
 * Makes the archives again if a plugin has changed since. The plugins must have been built.
 *
 * @returns {string[]} the archives' paths
 */
export function packPlugins() {
  mkdirSync(archiveDirectory, {recursive: true});
  const wanted = pluginDirectories().map((directory) => {
    const {name, version} = readPackage(directory);
    return {directory, path: join(archiveDirectory, `${name}-${version}.tgz`), mark: fingerprint(directory)};
  });
  for (const {directory, path, mark} of wanted) {
    const markPath = `${path}.made-from`;
    if (existsSync(path) && existsSync(markPath) && readFileSync(markPath, 'utf8') === mark) continue;
    packPlugin(directory, path);
    writeFileSync(markPath, mark);
  }
  const current = new Set(wanted.flatMap(({path}) => [path, `${path}.made-from`]));
  for (const name of readdirSync(archiveDirectory)) {
    const path = join(archiveDirectory, name);
    if (!current.has(path)) rmSync(path, {recursive: true});
  }
  return wanted.map(({path}) => path);
}

/**
 * @param {string} directory
 * @param {string} target
 */
function packPlugin(directory, target) {
  const stage = mkdtempSync(join(tmpdir(), 'tazpod-archive-'));
  try {
    const content = join(stage, 'package');
    const pjson = readPackage(directory);
    const {devDependencies: _, scripts: __, ...published} = pjson;
    const bundled = pjson.dependencies === undefined ? {} : {bundleDependencies: Object.keys(pjson.dependencies)};
    mkdirSync(content);
    writeFileSync(join(content, 'package.json'), `${JSON.stringify({...published, ...bundled}, undefined, 2)}\n`);
    const files = (pjson.files ?? []).filter((/** @type {string} */ name) => !name.startsWith('!'));
    for (const name of ['README.md', 'LICENSE', 'oclif.manifest.json', ...files]) {
      const from = join(directory, name);
      if (existsSync(from)) copy(from, join(content, name), (path) => !/\/\.[^/]*$/.test(path));
    }
    for (const path of neededPackages(directory.slice(root.length + 1))) {
      const to = join(content, path.startsWith('node_modules/') ? path : path.slice(path.indexOf('node_modules/')));
      const isUnused = unused.has(path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length));
      if (isUnused) copy(join(root, path, 'package.json'), join(to, 'package.json'), () => true);
      else copy(join(root, path), to, (file) => !unneeded.test(file));
    }
    tar(stage, target);
  } finally {
    rmSync(stage, {recursive: true, force: true});
  }
}

/**
 * Copies a package or a part of it, without the packages nested in it: those are listed by themselves.
 *
 * @param {string} from
 * @param {string} to
 * @param {(path: string) => boolean} wanted
 */
function copy(from, to, wanted) {
  mkdirSync(dirname(to), {recursive: true});
  cpSync(from, to, {
    recursive: true,
    dereference: true,
    filter: (path) => path === from || (!path.slice(from.length).includes('/node_modules') && wanted(path)),
  });
}

/**
 * The same bytes from the same files, for every user and at any time.
 *
 * @param {string} stage
 * @param {string} target
 */
function tar(stage, target) {
  const args = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@499162500', '--mode=u=rwX,go=rX'];
  const half = `${target}.half`;
  const result = spawnSync('sh', ['-c', 'tar "$@" | gzip --no-name -6', 'sh', ...args, '-C', stage, '-c', 'package'], {
    maxBuffer: 1024 ** 3,
  });
  if (result.status !== 0) throw new SetUpError(70, `${result.stderr.toString()}${target} could not be packed.`);
  writeFileSync(half, result.stdout);
  renameSync(half, target);
}

function pluginDirectories() {
  const parent = join(root, 'plugins');
  return readdirSync(parent)
    .map((name) => join(parent, name))
    .filter((directory) => existsSync(join(directory, 'package.json')));
}

/** @param {string} directory */
function readPackage(directory) {
  return JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
}

/**
 * What an archive is made of: the plugin's files by size and content, and the lock that names its dependencies.
 *
 * @param {string} directory
 */
function fingerprint(directory) {
  const hash = createHash('sha256').update(readFileSync(fileURLToPath(import.meta.url)));
  if (readPackage(directory).dependencies !== undefined) hash.update(readFileSync(join(root, 'package-lock.json')));
  const visit = (/** @type {string} */ path) => {
    if (statSync(path).isDirectory()) {
      for (const name of readdirSync(path).sort()) {
        if (name !== 'node_modules' && name !== 'test' && name !== 'src' && !name.startsWith('.'))
          visit(join(path, name));
      }
    } else hash.update(`${path.slice(root.length)}\0`).update(readFileSync(path));
  };
  visit(directory);
  return hash.digest('hex');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await endWith(() => {
    for (const path of packPlugins())
      say(`${path.slice(root.length + 1)} ${(statSync(path).size / 1024).toFixed(0)} KiB`);
    return 0;
  });
}
