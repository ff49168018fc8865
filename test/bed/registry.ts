import {spawn, spawnSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {projectNode, root} from '../../scripts/setup.js';
import {atTheEnd} from './made-by.ts';
import {until} from './until.ts';

/** An npm registry of the test's own, on loopback, that knows nothing but what is published to it. */
export type Registry = {
  /** `http://127.0.0.1:PORT/` */
  readonly url: string;
  /** What a user needs in the environment to install from it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Publishes the package of a directory, or an archive. */
  publish(path: string, tag?: string): void;
  /** The same for a package that is there as its files only: without npm, which takes its time to start. */
  offer(files: PackageFiles, tag?: string): Promise<void>;
  /** Ends it. What was published is gone. */
  stop(): Promise<void>;
};

/** The files of a package by their paths; package.json as an object. */
export type PackageFiles = {readonly 'package.json': object} & Readonly<Record<string, string | object>>;

/** The npm that the core brings. */
const npmProgram = join(root, 'node_modules/npm/bin/npm-cli.js');

/** Starts a registry. It ends with the test run, if not before. */
export async function startRegistry(): Promise<Registry> {
  const folder = mkdtempSync(join(tmpdir(), 'tazpod-registry-'));
  atTheEnd(() => rmSync(folder, {recursive: true, force: true}));
  const config = join(folder, 'config.yaml');
  writeFileSync(
    config,
    [
      `storage: ${folder}/storage`,
      'uplinks: {}',
      'web: {enable: false}',
      'auth: {htpasswd: {file: ./htpasswd, max_users: -1}}',
      "packages: {'**': {access: $all, publish: $all, unpublish: $all}}",
      'max_body_size: 200mb',
      'log: {type: stdout, format: json, level: fatal}',
      '',
    ].join('\n'),
  );
  const program = join(import.meta.dirname, '../children/registry-process.ts');
  const child = spawn(projectNode(), [program, config], {cwd: folder, stdio: ['pipe', 'pipe', 'pipe']});
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  atTheEnd(() => child.kill('SIGKILL'));
  const [, port] = await until('the registry listens', () => /port (\d+)/.exec(said) ?? undefined, {
    withinMs: 60_000,
    seen: () => said,
  });
  const url = `http://127.0.0.1:${port!}/`;

  // npm publishes with credentials only, and this registry looks at none.
  const userConfig = join(folder, 'npmrc');
  writeFileSync(userConfig, `registry=${url}\n//127.0.0.1:${port!}/:_authToken=nobody\n`);
  return {
    url,
    environment: {TAZPOD_NPM_REGISTRY: url, npm_config_registry: url},
    publish: (path, tag = 'latest') => {
      runNpm(['publish', path, '--ignore-scripts', `--tag=${tag}`, '--provenance=false'], folder, {
        npm_config_userconfig: userConfig,
      });
    },
    offer: async (files, tag = 'latest') => {
      const staged = mkdtempSync(join(folder, 'offer-'));
      writePackage(join(staged, 'package'), files);
      const archive = join(staged, 'archive.tgz');
      spawnSync('tar', ['--create', '--gzip', '--file', archive, '--directory', staged, 'package']);
      await upload(url, files['package.json'] as PackageName, readFileSync(archive), tag);
    },
    stop: async () => {
      child.stdin.end();
      await ended;
      rmSync(folder, {recursive: true, force: true});
    },
  };
}

type PackageName = {readonly name: string; readonly version: string};

/** What `npm publish` sends, of which the registry reads no more than this. */
async function upload(url: string, pjson: PackageName, archive: Buffer, tag: string): Promise<void> {
  const {name, version} = pjson;
  const file = `${name}-${version}.tgz`;
  const hash = (algorithm: string) => createHash(algorithm).update(archive);
  const dist = {
    integrity: `sha512-${hash('sha512').digest('base64')}`,
    shasum: hash('sha1').digest('hex'),
    tarball: `${url}${name}/-/${file}`,
  };
  const answer = await fetch(`${url}${name.replace('/', '%2f')}`, {
    method: 'PUT',
    headers: {'content-type': 'application/json'},
    body: JSON.stringify({
      _id: name,
      name,
      'dist-tags': {[tag]: version},
      versions: {[version]: {...pjson, _id: `${name}@${version}`, dist}},
      _attachments: {
        [file]: {content_type: 'application/octet-stream', data: archive.toString('base64'), length: archive.length},
      },
    }),
  });
  if (!answer.ok) throw new Error(`${name}@${version} was not taken: ${answer.status} ${await answer.text()}`);
}

/** Runs npm with a small environment of its own; throws with its words where it fails. Returns its standard output. */
export function runNpm(
  args: readonly string[],
  folder: string,
  environment: Readonly<Record<string, string>> = {},
): string {
  const result = spawnSync(projectNode(), [npmProgram, '--loglevel=error', '--no-update-notifier', ...args], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    env: {
      HOME: folder,
      PATH: `${dirname(projectNode())}:/usr/bin:/bin`,
      npm_config_cache: `${folder}/cache`,
      ...environment,
    },
  });
  if (result.status === 0) return result.stdout;
  throw new Error(`npm ${args.join(' ')} failed: ${result.stdout}${result.stderr}${result.error?.message ?? ''}`);
}

/** Writes a package's files into a directory, which everybody may read, and returns it. */
export function writePackage(folder: string, files: PackageFiles): string {
  for (const [path, content] of Object.entries(files)) {
    const target = join(folder, path);
    mkdirSync(dirname(target), {recursive: true});
    writeFileSync(target, typeof content === 'string' ? content : JSON.stringify(content, undefined, 2));
    chmodSync(target, 0o644);
  }
  return folder;
}
