import {type ChildProcess, spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {root} from '../../scripts/setup.js';
import {atTheEnd} from '../bed/made-by.ts';
import {until} from '../bed/until.ts';

/**
 * A Docker engine of the tests' own: a plain process on a private socket, without a network of its own, that leaves the
 * machine's firewall, bridges and containers alone. Its images stay in the cache for the next run.
 */
export type DockerEngine = {
  /** Runs `docker ARGS` to its end. */
  docker(args: readonly string[], options?: DockerOptions): Promise<DockerEnded>;
  /** Starts any command, with the engine's socket in its environment and its standard input open. */
  start(command: readonly string[]): ChildProcess;
  /** Ends the engine and everything that runs in it. */
  stop(): Promise<void>;
};

export type DockerOptions = {
  /** Standard input, which is then at its end: text, or what another program writes. */
  readonly stdin?: string | NodeJS.ReadableStream;
};

export type DockerEnded = {readonly code: number | null; readonly stdout: string; readonly stderr: string};

/** What the container tests need cannot be had on this machine; the message says why. */
export class Unavailable extends Error {}

/** Below node_modules, so that `npm ci` starts afresh; 1 GiB. */
const cacheFolder = join(root, 'node_modules', '.cache', 'container');

/** How long another test run that has the cache is waited for. */
const patienceMs = 240_000;

/** Starts the engine. Throws Unavailable where it does not start. */
export async function startEngine(): Promise<DockerEngine> {
  if (process.getuid!() !== 0) throw new Unavailable('only root starts a Docker engine');
  for (const program of ['docker', 'dockerd']) {
    if (spawnSync(program, ['--version']).error !== undefined) throw new Unavailable(`${program} is not installed`);
  }
  const folder = mkdtempSync(join(tmpdir(), 'tazpod-docker-'));
  const daemon = startDaemon(folder);
  let log = '';
  for (const stream of [daemon.stdout!, daemon.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => (log = (log + text).slice(-4000)));
  }
  const ended = once(daemon, 'exit');
  const hasEnded = () => daemon.exitCode !== null || daemon.signalCode !== null;
  const removeFolder = () => rmSync(folder, {recursive: true, force: true});
  atTheEnd(() => {
    if (!hasEnded()) daemon.kill('SIGTERM');
    removeFolder();
  });

  const environment = {...process.env, DOCKER_HOST: socketOf(folder)};
  const docker: DockerEngine['docker'] = (args, options) => runDocker(args, environment, options);
  const answers = async () => (await docker(['version'])).code === 0;
  await until('the Docker engine answers', async () => hasEnded() || (await answers()), {
    withinMs: patienceMs + 30_000,
    seen: () => log,
  });
  if (hasEnded()) throw new Unavailable(`dockerd does not start: ${log.trim().split('\n').at(-1) ?? ''}`);
  return {
    docker,
    start: ([file, ...args]) => spawn(file!, args, {env: environment}),
    stop: async () => {
      daemon.kill('SIGTERM');
      await ended;
      removeFolder();
    },
  };
}

/**
 * The daemon ends with this process, however that ends; with it ends its hold on the cache, and in a mount namespace of
 * its own everything that it has mounted.
 */
function startDaemon(folder: string): ChildProcess {
  mkdirSync(cacheFolder, {recursive: true});
  // runc takes no path with a link in it.
  const cache = realpathSync(cacheFolder);
  const configuration = join(folder, 'daemon.json');
  writeFileSync(configuration, '{}');
  const alone = ['unshare', '--mount', '--propagation', 'private', '--'];
  const lock = ['flock', '--no-fork', '--timeout', String(patienceMs / 1000), join(cache, 'lock')];
  const options = [
    ...['--config-file', configuration, '--host', socketOf(folder), '--pidfile', join(folder, 'pid')],
    ...['--data-root', join(cache, 'docker'), '--exec-root', join(folder, 'exec'), '--storage-driver', 'overlay2'],
    ...['--bridge', 'none', '--iptables=false', '--ip6tables=false', '--ip-forward=false', '--ip-masq=false'],
    // Where a containerd of the machine's runs, dockerd uses that one, and shares nothing with others in it.
    ...['--containerd-namespace', 'tazpod-test', '--containerd-plugins-namespace', 'tazpod-test-plugins'],
  ];
  return spawn('setpriv', ['--pdeathsig', 'TERM', '--', ...alone, ...lock, 'dockerd', ...options], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
}

function socketOf(folder: string): string {
  return `unix://${folder}/docker.sock`;
}

async function runDocker(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  {stdin = ''}: DockerOptions = {},
): Promise<DockerEnded> {
  const child = spawn('docker', args, {env});
  const output = {stdout: '', stderr: ''};
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => (output[name] += text));
  }
  // Whether it reads its input to the end is its own affair.
  child.stdin.on('error', () => {});
  if (typeof stdin === 'string') child.stdin.end(stdin);
  else stdin.pipe(child.stdin);
  const [code] = (await once(child, 'close')) as [number | null];
  return {code, ...output};
}
