import {spawnSync} from 'node:child_process';
import {
  chmodSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {withoutNpm} from '../../scripts/setup.js';
import {runtimePrograms} from '../../scripts/system-packages.js';
import {skip} from '../skip.ts';

const root = join(import.meta.dirname, '../..');

describe('Set-up', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tazpod-setup-'));
    chmodSync(folder, 0o755);
    for (const name of ['bin', 'scripts', 'package.json', 'package-lock.json']) {
      cpSync(join(root, name), join(folder, name), {recursive: true});
    }
    mkdirSync(join(folder, 'fakes'));
    // What npm would do, as far as set-up looks at it.
    fake('npm', `mkdir -p '${folder}/node_modules/node/bin'; : > '${folder}/node_modules/node/bin/node'`);
    fake('apt-get', '');
  });

  afterEach(() => {
    rmSync(folder, {recursive: true, force: true});
  });

  /** A program that notes how it was called, and comes before the real one in PATH. */
  function fake(name: string, script: string): void {
    const text = `#!/bin/sh\necho ${name} "$@" >> '${folder}/calls'\n${script}\n`;
    writeFileSync(join(folder, 'fakes', name), text, {mode: 0o755});
  }

  function calls(): string[] {
    const path = join(folder, 'calls');
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
  }

  /** Runs set-up in the copy for some programs and returns what it says. */
  function setUp(programs: Record<string, string>, uid?: number): {code: number | null; stderr: string} {
    const script = `
      import {setUp} from './scripts/setup.js';
      import {endWith} from './scripts/terminal.js';
      await endWith(() => setUp(${JSON.stringify(programs)}));`;
    const words = ['--input-type=module', '--eval', script];
    // A user need not be able to reach the checkout, nor the Node in it: it is run by its descriptor.
    const node = openSync(process.execPath, 'r');
    const ids = [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--'];
    const [program, ...args] =
      uid === undefined ? [process.execPath, ...words] : ['setpriv', ...ids, '/proc/self/fd/3', ...words];
    const {status, stderr} = spawnSync(program, args, {
      cwd: folder,
      encoding: 'utf8',
      env: {...process.env, PATH: `${folder}/fakes:${process.env['PATH']}`},
      stdio: ['ignore', 'pipe', 'pipe', node],
    });
    closeSync(node);
    return {code: status, stderr};
  }

  it('installs the npm packages once for each lock file', () => {
    const npm = 'npm ci --include=dev --no-audit --no-fund --loglevel=error';
    expect(setUp({})).to.deep.equal({code: 0, stderr: 'Installing npm packages…\n'});
    expect(calls()).to.deep.equal([npm]);
    expect(setUp({})).to.deep.equal({code: 0, stderr: ''});
    expect(calls()).to.deep.equal([npm]);
    writeFileSync(join(folder, 'package-lock.json'), '{"packages": {"node_modules/new": {"version": "1.0.0"}}}');
    expect(setUp({}).code).to.equal(0);
    expect(calls()).to.deep.equal([npm, npm]);
  });

  it('leaves alone what somebody installed by hand from the same lock file', () => {
    mkdirSync(join(folder, 'node_modules'));
    cpSync(join(root, 'package-lock.json'), join(folder, 'node_modules/.package-lock.json'));
    expect(setUp({})).to.deep.equal({code: 0, stderr: ''});
    expect(calls()).to.deep.equal([]);
  });

  it('shows what npm said when npm fails, and tries again the next time', () => {
    fake('npm', 'echo no route to the registry >&2; exit 1');
    const result = setUp({});
    expect(result.code).to.equal(69);
    expect(result.stderr).to.contain('no route to the registry').and.to.contain('This failed: npm ci');
    setUp({});
    expect(calls()).to.have.length(2);
  });

  it('installs by apt, as root, the packages of the programs that are missing', function () {
    if (process.getuid!() !== 0) skip(this, 'only root installs without sudo');
    const result = setUp({'no-such-program': 'some-package', 'nor-this': 'some-package', sh: 'dash'});
    expect(result.code).to.equal(0);
    expect(result.stderr).to.match(/^Installing some-package with apt…\n/);
    const install = /^apt-get -qq .* install -y --no-install-recommends some-package$/;
    expect(calls().filter((call) => install.test(call))).to.have.length(1);
  });

  it('renews the package lists once when apt does not find a package', function () {
    if (process.getuid!() !== 0) skip(this, 'only root installs without sudo');
    fake('apt-get', `case "$*" in *install*) test -e '${folder}/renewed';; *update) touch '${folder}/renewed';; esac`);
    expect(setUp({'no-such-program': 'some-package'}).code).to.equal(0);
    expect(calls().filter((call) => call.endsWith(' update'))).not.to.have.length(0);
  });

  it('names the one command to type, and returns 69, where it cannot become root', function () {
    if (process.getuid!() !== 0) skip(this, 'only root can become a user who has no sudo');
    const nobody = 65534;
    const result = setUp({'no-such-program': 'some-package', 'nor-this': 'another-package'}, nobody);
    expect(result.code).to.equal(69);
    expect(result.stderr).to.equal(
      'TazPod needs system packages, please type ' +
        'sudo apt-get install -y --no-install-recommends another-package some-package\n',
    );
    expect(calls()).to.deep.equal([]);
  });

  it('installs from the registry of its user: the lock file names none', () => {
    // The plugins are links to directories of the checkout.
    expect(readFileSync(join(root, 'package-lock.json'), 'utf8')).not.to.match(/"resolved": "(?!plugins\/)/);
  });

  it('knows every program that the kernel room runs, but those that every Debian has', () => {
    const text = readFileSync(join(root, 'src/kernel/program.ts'), 'utf8');
    const table = /const packages = \{([^}]*)\}/.exec(text)![1]!;
    const programs = [...table.matchAll(/(\w+): '([\w-]+)'/g)].map(([, program, name]) => [program!, name!] as const);
    const always = new Set(['coreutils', 'dash', 'libc-bin', 'sudo']);
    expect(programs).to.have.length.above(10);
    for (const [program, name] of programs.filter(([, name]) => !always.has(name))) {
      expect(runtimePrograms, program).to.have.property(program, name);
    }
  });
});

describe('The environment of the shell that npm start opens', () => {
  it('is what it was before npm', () => {
    const before = {HOME: '/home/ada', NODE_ENV: 'production', PATH: '/usr/bin:/home/ada/bin'};
    const npm = {
      COLOR: '1',
      INIT_CWD: '/home/ada/project',
      NODE: '/usr/bin/node',
      PATH: `/src/node_modules/.bin:/node_modules/.bin:/usr/lib/npm/node-gyp-bin:${before.PATH}`,
      npm_command: 'start',
      npm_node_execpath: '/usr/bin/node',
    };
    expect(withoutNpm({...before, ...npm})).to.deep.equal(before);
  });
});
