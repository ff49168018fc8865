import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {text} from 'node:stream/consumers';
import {expect} from 'chai';
import {projectNode} from '../../scripts/setup.js';
import {until} from '../bed/until.ts';
import {skip} from '../skip.ts';

const entryOfCheckout = join(import.meta.dirname, '../../bin/tazpod-ghost');

/** What stands for the ghost: it tells how it was started. */
const mirror = `
  import {readFileSync} from 'node:fs';
  const {argv, execArgv, env} = process;
  const [, blocked] = /^SigBlk:\\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'));
  console.log(JSON.stringify({argv, execArgv, env, cwd: process.cwd(), node: process.execPath, blocked}));
`;

const mirrorOfNamespace = `
  import {readlinkSync} from 'node:fs';
  console.log(readlinkSync('/proc/self/ns/mnt'), ...process.argv.slice(2));
`;

describe('The privileged entry', () => {
  let folder: string;
  let entry: string;
  const own = () => join(folder, 'node_modules/node/bin/node');

  beforeEach(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'tazpod-entry-')));
    chmodSync(folder, 0o755);
    entry = join(folder, 'bin/tazpod-ghost');
    for (const name of ['bin', 'dist/ghost', 'node_modules/node/bin']) mkdirSync(join(folder, name), {recursive: true});
    cpSync(entryOfCheckout, entry);
    writeFileSync(join(folder, 'package.json'), '{"type": "module"}');
    writeFileSync(join(folder, 'dist/ghost/main.js'), mirror);
  });

  afterEach(() => {
    rmSync(folder, {recursive: true, force: true});
  });

  /** A Node that was brought with the package; what it is called with is in `calls`. */
  function bring(version: string, path = own()): void {
    const calls = join(folder, 'calls');
    const script = [
      '#!/bin/sh',
      `echo "$0 $*" >>${calls}`,
      `[ "$2" = --version ] && { echo ${version}; exit; }`,
      `exec ${projectNode()} "$@"`,
    ];
    mkdirSync(dirname(path), {recursive: true});
    writeFileSync(path, `${script.join('\n')}\n`, {mode: 0o755});
  }

  const calls = () => readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n');

  /** Bash is what /bin/sh is on many machines, and it knows by its name that it is. */
  function start(env: NodeJS.ProcessEnv = {}, command: readonly string[] = [entry], cwd = '/'): ChildProcess {
    const [file, ...args] = command;
    const argv0 = file!.endsWith('bash') ? 'sh' : file!;
    return spawn(file!, args, {argv0, cwd, env: {PATH: '/usr/bin:/bin', ...env}, stdio: ['ignore', 'pipe', 'pipe']});
  }

  async function run(...args: Parameters<typeof start>) {
    const child = start(...args);
    const [stdout, stderr] = await Promise.all([text(child.stdout!), text(child.stderr!), once(child, 'close')]);
    return {code: child.exitCode, signal: child.signalCode, stdout, stderr};
  }

  async function mirrored(...args: Parameters<typeof start>) {
    const {stdout, stderr} = await run(...args);
    expect(stdout, stderr).to.match(/^\{/);
    return JSON.parse(stdout) as {
      argv: string[];
      execArgv: string[];
      env: Record<string, string>;
      cwd: string;
      node: string;
      blocked: string;
    };
  }

  it('starts Node without a debugger, in `/`, and passes on nothing of the environment but what sudo says', async () => {
    bring('v24.1.0');
    const trap = join(folder, 'trap');
    for (const name of ['env', 'id', 'node', 'readlink', 'sh']) bring('v24.1.0', join(trap, name));
    const sudo = {SUDO_GID: '1000', SUDO_UID: '1000', SUDO_USER: 'ada', TERM: 'xterm'};
    const hostile = {
      BASH_ENV: join(trap, 'sh'),
      'BASH_FUNC_env%%': '() { echo fooled; exit; }',
      'BASH_FUNC_exec%%': '() { echo fooled; exit; }',
      'BASH_FUNC_unset%%': '() { echo fooled; exit; }',
      ENV: join(trap, 'sh'),
      IFS: '/',
      NODE_EXTRA_CA_CERTS: trap,
      NODE_OPTIONS: '--inspect=0',
      NODE_V8_COVERAGE: trap,
      OPENSSL_CONF: trap,
      PATH: trap,
      SSLKEYLOGFILE: join(trap, 'keys'),
      TAZPOD_GHOST_NODE: join(trap, 'node'),
    };
    for (const shell of ['dash', 'bash']) {
      // As the kernel does it with the entry's first line, for any /bin/sh.
      const command = [`/bin/${shell}`, entry, 'two words', '--inspect'];
      const seen = await mirrored({...sudo, ...hostile}, command, trap);
      // dash and bash each add some by themselves.
      const {PWD: _pwd, OLDPWD: _oldPwd, SHLVL: _level, _: _program, ...env} = seen.env;
      expect(env).to.deep.equal({...sudo, LC_ALL: 'C', PATH: '/usr/sbin:/usr/bin:/sbin:/bin'});
      expect(seen).to.deep.include({execArgv: ['--disable-sigusr1'], cwd: '/', blocked: '0000000000000200'});
      expect(seen.argv.slice(1)).to.deep.equal([join(folder, 'dist/ghost/main.js'), 'two words', '--inspect']);
    }
    expect(calls().every((line) => line.startsWith(`${own()} --disable-sigusr1 `))).to.equal(true);
  });

  it('never starts a Node that is older than 22.15, but to ask for its version with the flag', async () => {
    for (const version of ['v12.22.0', 'v20.20.2', 'v22.9.0', 'v22.14.0', '']) {
      bring(version);
      const {node} = await mirrored({TAZPOD_GHOST_NODE: projectNode(), SUDO_UID: ''});
      expect(node).to.equal(projectNode());
    }
    for (const version of ['v22.15.0', 'v22.22.1', 'v23.0.0', 'v24.9.0', 'v30.0.0']) {
      bring(version);
      await mirrored({SUDO_UID: '0'});
      expect(calls().at(-1)).to.equal(`${own()} --disable-sigusr1 ${join(folder, 'dist/ghost/main.js')}`);
    }
    expect(calls().filter((line) => !line.includes(' --disable-sigusr1 '))).to.deep.equal([]);
  });

  it('ends with 127 and names the command that helps, where there is no Node for root', async function () {
    if (process.getuid!() !== 0) skip(this, 'only root can hide the machine’s Node');
    bring('v20.20.2');
    const folders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
    const there = folders.map((each) => `${each}/node`).filter((path) => existsSync(path));
    const hide = `old=$0; entry=$1; shift; for node; do mount --bind "$old" "$node"; done; exec "$entry"`;
    const command = ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', hide, own(), entry, ...there];
    const {code, stderr} = await run({SUDO_UID: '1000', PATH: '/usr/sbin:/usr/bin:/sbin:/bin'}, command);
    expect(code).to.equal(127);
    expect(stderr).to.equal(
      `tazpod: Root has no Node.js 22.15 or newer to run the privileged half on. ${own()} is too old.\n` +
        `  Next: sudo install --mode=0755 "$(node --print process.execPath)" /usr/local/bin/node\n`,
    );
  });

  it('runs no Node of a user’s as root, but for a package that is the user’s altogether', async function () {
    if (process.getuid!() !== 0) skip(this, 'only root can give a file to somebody');
    bring('v24.1.0');
    chownSync(own(), 1000, 1000);
    await run({SUDO_UID: '1000'});
    expect(existsSync(join(folder, 'calls'))).to.equal(false);
    await run({SUDO_UID: '', TAZPOD_GHOST_NODE: own()});
    expect(existsSync(join(folder, 'calls'))).to.equal(false);
    chownSync(entry, 1000, 1000);
    await mirrored({SUDO_UID: '1000'});
  });

  it('finds the Node that npm has installed it with', async () => {
    const globally = join(folder, 'prefix/lib/node_modules/tazpod');
    for (const name of ['bin', 'dist', 'package.json'])
      cpSync(join(folder, name), join(globally, name), {recursive: true});
    const beside = join(folder, 'prefix/bin/node');
    bring('v24.1.0', beside);
    const command = [join(globally, 'bin/tazpod-ghost')];
    await mirrored({SUDO_UID: '1000'}, command);
    expect(calls().at(-1)).to.include(`${beside} --disable-sigusr1 ${globally}`);

    if (process.getuid!() !== 0) return;
    const asked = calls().length;
    chownSync(beside, 1000, 1000);
    await run({SUDO_UID: '1000'}, command);
    chownSync(command[0]!, 1001, 1001);
    await run({SUDO_UID: '1000'}, command);
    expect(calls()).to.have.length(asked);
    chownSync(command[0]!, 1000, 1000);
    await mirrored({SUDO_UID: '1000'}, command);
    expect(calls().length).to.be.above(asked);
  });

  it('takes the Node that a caller names only where no sudo is in between', async () => {
    bring('v24.1.0');
    const named = join(folder, 'named=1/node');
    bring('v24.2.0', named);
    await mirrored({TAZPOD_GHOST_NODE: named, SUDO_UID: '1000'});
    expect(calls().filter((line) => line.startsWith(named))).to.deep.equal([]);
    await mirrored({TAZPOD_GHOST_NODE: named});
    expect(calls().filter((line) => line.startsWith(named))).to.have.length(2);
  });

  it('becomes the program that it is told to, of two that open nothing, and tells that nothing of it', async () => {
    bring('v24.1.0');
    for (const name of ['cleaning', 'keys']) {
      mkdirSync(join(folder, 'dist/ghost', name), {recursive: true});
      writeFileSync(join(folder, 'dist/ghost', name, 'main.js'), `console.log('${name}', ...process.argv.slice(2));`);
      const {stdout} = await run({}, [entry, '/plan', `--${name}`, '--from-outside']);
      expect(stdout).to.equal(`${name} /plan --from-outside\n`);
    }
  });

  it('is in a mount namespace of its own before Node starts, and says so to the ghost', async function () {
    if (process.getuid!() !== 0) skip(this, 'only root needs no user namespace for it');
    bring('v24.1.0');
    const own = readlinkSync('/proc/self/ns/mnt');
    writeFileSync(join(folder, 'dist/ghost/main.js'), mirrorOfNamespace);
    const {stdout: inside} = await run({SUDO_UID: '0'}, [entry, '/plan']);
    const [namespace, ...args] = inside.trim().split(' ');
    expect(namespace).to.match(/^mnt:/).and.not.equal(own);
    expect(args).to.deep.equal(['/plan', '--in-own-namespace']);
    // What the CLI has asked for otherwise, and where the kernel refuses.
    const outside = await run({SUDO_UID: '0'}, [entry, '/plan', '--from-outside']);
    expect(outside.stdout).to.equal(`${own} /plan --from-outside\n`);
    const powerless = ['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-sys_admin', '--'];
    const refused = await run({SUDO_UID: '0', PATH: '/usr/bin'}, [...powerless, entry, '/plan']);
    expect(refused.stdout).to.equal(`${own} /plan\n`);
  });

  it('is found through a symbolic link, and takes what lies beside its real place', async () => {
    bring('v24.1.0');
    const link = join(folder, 'elsewhere/bin/tazpod-ghost');
    mkdirSync(dirname(link), {recursive: true});
    symlinkSync(entry, link);
    expect((await mirrored({SUDO_UID: '0'}, [link])).argv[1]).to.equal(join(folder, 'dist/ghost/main.js'));
  });

  it('dies of SIGUSR1 while it is no Node yet', async () => {
    const pipe = join(folder, 'pipe');
    writeFileSync(own(), `#!/bin/sh\ntouch ${pipe}\nwhile [ -e ${pipe} ]; do sleep 0.02; done\n`, {mode: 0o755});
    const child = start({SUDO_UID: '0'});
    const ended = once(child, 'close');
    await until('the entry asks a Node for its version', () => existsSync(pipe));
    child.kill('SIGUSR1');
    await once(child, 'exit');
    expect(child.signalCode).to.equal('SIGUSR1');
    rmSync(pipe);
    await ended;
  });
});
