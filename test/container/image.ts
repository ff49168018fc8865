import {type ChildProcess, spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {projectNode, root} from '../../scripts/setup.js';
import {type DockerEngine, Unavailable} from './engine.ts';

/** What the tests run: the image that the Dockerfile makes of this checkout. */
export const image = 'tazpod-test';

/** In the place of the official images, which come from a registry that need not be within reach. */
const debianImage = 'tazpod-test-debian';
const nodeImage = 'tazpod-test-node';

/** The build stage by its name, so that what it has in the cache outlives `docker image prune`. */
const buildImage = 'tazpod-test-build';

/**
 * Builds the image from the checkout. Throws Unavailable where this machine cannot make a Debian to build it on, and
 * an Error with the builder's last words where the build fails.
 */
export async function buildImages(engine: DockerEngine): Promise<void> {
  if (!(await exists(engine, debianImage))) await importDebian(engine);
  await buildNode(engine);
  const bases = ['--build-arg', `NODE_IMAGE=${nodeImage}`, '--build-arg', `DEBIAN_IMAGE=${debianImage}`];
  await build(engine, ['--target', 'build', '--tag', buildImage, ...bases, root]);
  await build(engine, ['--tag', image, ...bases, root]);
  await engine.docker(['image', 'prune', '--force']);
}

async function exists(engine: DockerEngine, name: string): Promise<boolean> {
  return (await engine.docker(['image', 'inspect', name])).code === 0;
}

/** A minimal Debian (or Ubuntu) as this machine is one, in memory only, and streamed into the engine. */
async function importDebian(engine: DockerEngine): Promise<void> {
  const {uri, suite, components} = packageSource();
  const folder = mkdtempSync(join(tmpdir(), 'tazpod-debian-'));
  const script = `mount -t tmpfs -o mode=755,size=2g tazpod-test "$1" || exit
    debootstrap --variant=minbase --components="$4" "$3" "$1/base" "$2" >&2 || exit
    exec tar --numeric-owner --exclude './var/cache/apt/archives/*.deb' --exclude './var/lib/apt/lists/*' \\
      -C "$1/base" -c .`;
  const args = ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', folder, uri, suite, components];
  const making = spawn('unshare', args, {stdio: ['ignore', 'pipe', 'pipe']});
  const failure = lastWords(making);
  const [imported, [code]] = await Promise.all([
    engine.docker(['import', '-', debianImage], {stdin: making.stdout}),
    once(making, 'close') as Promise<[number | null]>,
  ]);
  rmdirSync(folder);
  if (code === 0 && imported.code === 0) return;
  await engine.docker(['image', 'rm', debianImage]);
  throw new Unavailable(`debootstrap makes no ${suite} from ${uri}: ${failure()}${imported.stderr}`);
}

/** Where apt gets the packages of this machine's own release from. */
function packageSource(): {uri: string; suite: string; components: string} {
  const release = readFileSync('/etc/os-release', 'utf8');
  const suite = /^VERSION_CODENAME="?(\w+)"?$/m.exec(release)?.[1];
  const format = '$(REPO_URI) $(CODENAME) $(COMPONENT)';
  const {stdout} = spawnSync('apt-get', ['indextargets', '--format', format, 'Created-By: Packages'], {
    encoding: 'utf8',
  });
  const sources = stdout.split('\n').map((line) => line.split(' '));
  const own = sources.filter(([, codename]) => suite !== undefined && codename === suite);
  const [uri] = own[0] ?? [];
  if (uri === undefined) throw new Unavailable('apt knows no source of packages for the release of this machine');
  const components = own.filter(([each]) => each === uri).map(([, , component]) => component);
  return {uri, suite: suite!, components: [...new Set(components)].join(',')};
}

/** The project's own Node and npm on that Debian, laid out as in the official image. */
async function buildNode(engine: DockerEngine): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tazpod-node-'));
  try {
    const certificates = process.env['NODE_EXTRA_CA_CERTS'];
    const dockerfile = [
      `FROM ${debianImage}`,
      'COPY node /usr/local/bin/',
      'COPY npm /usr/local/lib/node_modules/npm',
      'RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm',
      ...(certificates === undefined ? [] : ['COPY certificates /', 'ENV NODE_EXTRA_CA_CERTS=/certificates']),
    ];
    writeFileSync(join(folder, 'Dockerfile'), dockerfile.join('\n'));
    const parts: [string, string][] = [
      [projectNode(), 'node'],
      [join(root, 'node_modules', 'npm'), 'npm'],
      ...(certificates === undefined ? [] : [[certificates, 'certificates'] as [string, string]]),
    ];
    for (const [from, to] of parts) spawnSync('cp', ['--recursive', '--dereference', from, join(folder, to)]);
    await build(engine, ['--tag', nodeImage, folder]);
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
}

async function build(engine: DockerEngine, args: readonly string[]): Promise<void> {
  const proxies = Object.entries(process.env)
    .filter(([name]) => /^(https?|no)_proxy$/i.test(name))
    .flatMap(([name, value]) => ['--build-arg', `${name}=${value}`]);
  const {code, stdout, stderr} = await engine.docker(['build', '--network', 'host', ...proxies, ...args]);
  if (code !== 0) throw new Error(`docker build ${args.join(' ')} failed:\n${(stdout + stderr).slice(-3000)}`);
}

function lastWords(child: ChildProcess): () => string {
  let words = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (words = (words + text).slice(-400)));
  return () => words.trim();
}
