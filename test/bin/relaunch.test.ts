import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {isCurrent} from '../../bin/relaunch.js';

const root = join(import.meta.dirname, '../..');

/** A Node that claims to be version 18: what the entries see on an old machine. */
const pretendOld = [
  '--import',
  'data:text/javascript,Object.defineProperty(process.versions,"node",{value:"18.19.0"})',
];

describe('The CLI started by an older Node', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tazpod-bin-'));
    cpSync(join(root, 'bin'), join(folder, 'bin'), {recursive: true});
    writeFileSync(join(folder, 'package.json'), '{"type": "module"}');
  });

  afterEach(() => {
    rmSync(folder, {recursive: true, force: true});
  });

  /** Puts a shell script where the npm package `node` has its Node. */
  function bringNode(script: string): void {
    const directory = join(folder, 'node_modules/node/bin');
    mkdirSync(directory, {recursive: true});
    writeFileSync(join(directory, 'node'), `#!/bin/sh\n${script}\n`, {mode: 0o755});
  }

  function start(entry: string, args: string[] = [], env: NodeJS.ProcessEnv = process.env): ChildProcess {
    return spawn(process.execPath, [...pretendOld, entry, ...args], {env, stdio: ['pipe', 'pipe', 'pipe']});
  }

  it(`says in one line what it needs and returns 69, where the project brings no Node`, async () => {
    const result = await end(start(join(folder, 'bin/run.js')));
    expect(result).to.deep.equal({
      code: 69,
      stderr: 'TazPod needs Node.js 22.15 or newer, and this is 18.19.0.\n',
      stdout: '',
    });
  });

  it(`hands arguments and streams to the Node that the project brings, and returns its exit code`, async () => {
    bringNode('printf "<%s>" "$@"; cat; exit 42');
    const child = start(join(folder, 'bin/run.js'), ['one two', '', '--three']);
    child.stdin!.end('typed');
    expect(await end(child)).to.deep.equal({
      code: 42,
      stderr: '',
      stdout: `<${join(folder, 'bin/run.js')}><one two><><--three>typed`,
    });
  });

  it(`is found through a symlink, and takes the Node beside its real place only`, async () => {
    bringNode('echo brought');
    const elsewhere = join(folder, 'elsewhere/bin');
    mkdirSync(elsewhere, {recursive: true});
    symlinkSync(join(folder, 'bin/run.js'), join(elsewhere, 'tazpod'));
    expect((await end(start(join(elsewhere, 'tazpod')))).stdout).to.equal('brought\n');
  });

  it(`returns 128+N when signal N ends what it started`, async () => {
    bringNode('kill -USR1 $$');
    expect((await end(start(join(folder, 'bin/run.js')))).code).to.equal(128 + 10);
  });

  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGUSR2'] as const) {
    it(`passes ${signal} on`, async () => {
      bringNode(`trap 'echo got ${signal}; exit 7' ${signal.slice(3)}; echo ready; while :; do sleep 0.05; done`);
      const child = start(join(folder, 'bin/run.js'));
      await once(child.stdout!, 'data');
      const ended = end(child);
      child.kill(signal);
      expect(await ended).to.include({code: 7, stdout: `got ${signal}\n`});
    });
  }

  it('keeps the environment of its user', async () => {
    bringNode('echo "$FLAVOUR"');
    const result = await end(start(join(folder, 'bin/run.js'), [], {...process.env, FLAVOUR: 'vanilla'}));
    expect(result.stdout).to.equal('vanilla\n');
  });

  it('runs on the Node that the project really brings', async () => {
    // Another file, or the entry would see that it runs on that Node already and that starting it again is no help.
    const oldNode = join(folder, 'old-node');
    copyFileSync(process.execPath, oldNode);
    const result = await end(spawn(oldNode, [...pretendOld, join(root, 'bin/run.js'), '--version']));
    expect(result.code).to.equal(0);
    expect(result.stdout).to.match(/^tazpod\/\S+ linux-\S+ node-v24\./);
  });
});

describe('The CLI', () => {
  it('can be read by a Node that is far too old', () => {
    for (const entry of ['run.js', 'relaunch.js']) {
      const text = readFileSync(join(root, 'bin', entry), 'utf8');
      // What Node 12 cannot parse: optional chaining, ??, logical assignment, private fields, top-level await.
      expect(text, entry).not.to.match(/\?\.[\w([]|\?\?|&&=|\|\|=|this\.#|^(await|\w+ \w+ = await)\b/m);
    }
  });
});

describe('A version of Node', () => {
  it('is new enough from 22.15 on', () => {
    expect(['22.15.0', '22.22.1', '23.0.0', '24.9.0', '100.0.0'].every(isCurrent)).to.equal(true);
    expect(['12.22.0', '18.20.1', '20.20.2', '22.14.9', '22.9.0'].some(isCurrent)).to.equal(false);
  });
});

/** Waits for the end of a child. What it said before this call is not in the result. */
async function end(child: ChildProcess): Promise<{code: number | null; stderr: string; stdout: string}> {
  const texts = {stderr: '', stdout: ''};
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (texts.stdout += text));
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (texts.stderr += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return {code, ...texts};
}
