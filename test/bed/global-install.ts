import {chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {projectNode, root} from '../../scripts/setup.js';
import {describeInstall, type Install, install, linkAsRoot, productionPackages} from './install.ts';
import {atTheEnd} from './made-by.ts';
import {type Registry, runNpm} from './registry.ts';
import {runAs} from './run.ts';
import type {BedUser} from './user.ts';

let packed: string | undefined;

/**
 * Packs the core as it is published, with all that it depends on in the archive, so that no registry is needed to
 * install it. Returns the archive, which every user can read; it is made once in a test run.
 */
export function packCore(): string {
  packed ??= makeArchive();
  return packed;
}

function makeArchive(): string {
  // It builds, where that is needed.
  install();
  const folder = mkdtempSync(join(tmpdir(), 'tazpod-packed-'));
  atTheEnd(() => rmSync(folder, {recursive: true, force: true}));
  chmodSync(folder, 0o755);
  const stage = join(folder, 'stage');
  for (const name of productionPackages()) {
    mkdirSync(dirname(join(stage, name)), {recursive: true});
    linkAsRoot(join(root, name), join(stage, name));
  }
  for (const name of ['archives', 'bin', 'dist', 'oclif.manifest.json', 'README.md', 'LICENSE']) {
    cpSync(join(root, name), join(stage, name), {recursive: true});
  }
  const pjson = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as object;
  writeFileSync(join(stage, 'package.json'), JSON.stringify({...pjson, bundleDependencies: true}));
  return join(folder, pack(stage, folder));
}

/** Packs a plugin of this repository. Returns the archive's name in the directory. */
export function pack(source: string, folder: string): string {
  const said = runNpm(['pack', '--ignore-scripts', '--json', '--pack-destination', folder], source, {
    HOME: folder,
    npm_config_cache: join(folder, 'cache'),
  });
  return (JSON.parse(said) as [{filename: string}])[0].filename;
}

/** `npm install -g --prefix PREFIX ARCHIVE`, as root, or as the user. */
export async function installGlobally(archive: string, prefix: string, user?: BedUser): Promise<Install> {
  const args = ['install', '--global', `--prefix=${prefix}`, '--ignore-scripts', '--offline', '--no-audit', archive];
  if (user === undefined) runNpm(args, prefix);
  else {
    const npm = join(install().folder, 'node_modules/npm/bin/npm-cli.js');
    const {code, stderr} = await runAs(user, [install().node, npm, ...args]);
    if (code !== 0) throw new Error(`npm install failed: ${stderr}`);
  }
  return describe(prefix, user);
}

/** `npm install -g --prefix PREFIX NAME`, as root, from a registry. */
export function installPublished(name: string, registry: Registry, prefix: string): Install {
  const args = ['install', '--global', `--prefix=${prefix}`, '--ignore-scripts', '--no-audit', name];
  runNpm(args, prefix, registry.environment);
  return describe(prefix);
}

function describe(prefix: string, user?: BedUser): Install {
  const copy = {...describeInstall(join(prefix, 'lib/node_modules/tazpod')), path: join(prefix, 'bin')};
  // Beside npm's links stands the Node that npm has run on.
  if (user === undefined) linkAsRoot(projectNode(), join(copy.path, 'node'));
  return copy;
}
