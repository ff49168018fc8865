import {spawnSync} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {projectNode, root} from '../../scripts/setup.js';
import {debianBase, NoDebian} from '../bed/debian-base.ts';
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

/** A minimal Debian (or Ubuntu) as this machine is one, streamed into the engine. */
async function importDebian(engine: DockerEngine): Promise<void> {
  let base: string;
  try {
    base = await debianBase();
  } catch (error) {
    if (error instanceof NoDebian) throw new Unavailable(error.message);
    throw error;
  }
  const {code, stderr} = await engine.docker(['import', base, debianImage]);
  if (code !== 0) throw new Error(`docker import failed: ${stderr}`);
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
