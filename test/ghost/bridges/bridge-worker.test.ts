import {spawnSync} from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {projectNode, root} from '../../../scripts/setup.js';
import type {BridgeReport} from '../../../src/ghost/bridges/bridge-worker.ts';

/** What a directory holds: each path below it, and its bytes or the target of a link. */
function contentOf(folder: string): Readonly<Record<string, string>> {
  const paths = readdirSync(folder, {recursive: true, encoding: 'utf8'}).sort();
  return Object.fromEntries(
    paths.map((path) => {
      const stat = lstatSync(join(folder, path));
      if (stat.isSymbolicLink()) return [path, `-> ${readlinkSync(join(folder, path))}`];
      return [path, stat.isFile() ? readFileSync(join(folder, path), 'utf8') : 'directory'];
    }),
  );
}

describe('The process that makes bridges ready', () => {
  let folder: string;
  let home: string;
  let vault: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tazpod-bridge-'));
    [home, vault] = [join(folder, 'home'), join(folder, 'vault')];
    for (const path of [home, vault]) mkdirSync(path);
  });

  afterEach(() => rmSync(folder, {recursive: true}));

  const workerCommand = [projectNode(), join(root, 'src/ghost/bridges/bridge-worker.ts')];
  const bridge = {home: '.agent', vault: 'agent'};

  /** Runs it to its end, as what `within` says. */
  function work(bridges = [bridge], within: readonly string[] = []) {
    const [program, ...args] = [...within, ...workerCommand];
    const input = `${JSON.stringify({home, mountPoint: vault, bridges})}\n`;
    return spawnSync(program!, args, {input, encoding: 'utf8'});
  }

  function reportOf(bridges = [bridge]): BridgeReport {
    const {stdout, stderr} = work(bridges);
    expect(stdout, stderr).to.match(/^\[.*\]\n$/);
    return (JSON.parse(stdout) as BridgeReport[])[0]!;
  }

  /** A small tree with one of everything; returns what it holds. */
  function fill(path: string): Readonly<Record<string, string>> {
    mkdirSync(join(path, 'sub/empty'), {recursive: true});
    writeFileSync(join(path, 'token'), 'secret');
    writeFileSync(join(path, 'sub/state'), 'x'.repeat(70_000));
    symlinkSync('../../elsewhere', join(path, 'sub/link'));
    return contentOf(path);
  }

  it('makes both ends, empty and private', () => {
    expect(reportOf([{home: 'a/b', vault: 'c/d'}])).to.include({state: 'ready', remaining: 0});
    for (const path of [`${home}/a`, `${home}/a/b`, `${vault}/c`, `${vault}/c/d`]) {
      expect(statSync(path).mode & 0o777, path).to.equal(0o700);
    }
    expect(contentOf(vault)).to.deep.equal({c: 'directory', 'c/d': 'directory'});
  });

  it('moves what lies in the home into the vault: bytes, modes, times, and links as links', () => {
    const path = join(home, '.agent');
    mkdirSync(path, {mode: 0o755});
    const before = fill(path);
    chmodSync(join(path, 'token'), 0o640);
    chmodSync(join(path, 'sub'), 0o500);
    const {mtimeMs} = statSync(join(path, 'token'));
    expect(reportOf()).to.deep.include({
      state: 'ready',
      remaining: 0,
      moved: [{place: 'agent', entries: 5, bytes: 70_006}],
    });
    expect(contentOf(join(vault, 'agent'))).to.deep.equal(before);
    expect(statSync(join(vault, 'agent/token')).mode & 0o777).to.equal(0o640);
    expect(statSync(join(vault, 'agent/sub')).mode & 0o777).to.equal(0o500);
    expect(statSync(join(vault, 'agent/token')).mtimeMs).to.be.closeTo(mtimeMs, 1);
    expect(readdirSync(path)).to.deep.equal([]);
    expect(statSync(path).mode & 0o777).to.equal(0o700);
    expect(existsSync(join(vault, '.tazpod/bridges')) && readdirSync(join(vault, '.tazpod/bridges'))).to.deep.equal([]);
  });

  it('moves nothing twice, and leaves what is in the vault alone', () => {
    fill(join(vault, 'agent'));
    const before = contentOf(vault);
    expect(reportOf()).to.deep.include({state: 'ready', moved: [], remaining: 0});
    expect(contentOf(vault)).to.deep.equal(before);
  });

  it('moves beside what the vault has already, and overwrites and mixes nothing', () => {
    mkdirSync(join(vault, 'agent'));
    writeFileSync(join(vault, 'agent/token'), 'older');
    for (const round of [1, 2]) {
      mkdirSync(join(home, '.agent'), {recursive: true});
      writeFileSync(join(home, '.agent/token'), `newer ${round}`);
      const moved = [{place: `agent.from-home-${round}`, entries: 1, bytes: 7}];
      expect(reportOf()).to.deep.include({state: 'ready', moved, remaining: 0});
    }
    expect(readFileSync(join(vault, 'agent/token'), 'utf8')).to.equal('older');
    expect(readFileSync(join(vault, 'agent.from-home-1/token'), 'utf8')).to.equal('newer 1');
    expect(readFileSync(join(vault, 'agent.from-home-2/token'), 'utf8')).to.equal('newer 2');
    expect(readdirSync(join(home, '.agent'))).to.deep.equal([]);
  });

  it('killed at any point, it is taken up where it was: everything is in the vault, once', function () {
    this.timeout(120_000);
    const kills = ['rename', 'fsync', 'mkdir', 'symlink', 'unlink', 'rmdir'].map((call) => {
      // What decides is done by the first two; of the others every second one will do.
      const step = ['rename', 'fsync'].includes(call) ? 1 : 2;
      let count = 0;
      while (isKilledBy(call, 1 + count * step)) count += 1;
      return count;
    });
    expect(Math.min(...kills)).to.be.above(0);
    expect(kills.reduce((sum, each) => sum + each)).to.be.above(12);
  });

  /**
   * Kills it at one of its calls, lets it go on, and looks at everything. False when it no longer makes such a call.
   */
  function isKilledBy(call: string, count: number): boolean {
    rmSync(home, {recursive: true});
    rmSync(vault, {recursive: true});
    for (const path of [home, vault]) mkdirSync(path);
    const before = fill(join(home, '.agent'));
    const calls = `/^${call}(at|at2)?$`;
    const tracer = ['strace', '-f', '-o', '/dev/null', `--trace=${calls}`];
    const {signal, status} = work([bridge], [...tracer, `--inject=${calls}:signal=KILL:when=${count}`]);
    if (status === 0) return false;
    const when = `killed at ${call} number ${count}`;
    expect(signal, when).to.equal('SIGKILL');
    // Never in neither, after any of its steps.
    const copies = [join(home, '.agent'), ...incoming(), join(vault, 'agent')].filter((path) => existsSync(path));
    for (const [path, bytes] of Object.entries(before)) {
      expect(
        copies.map((copy) => contentOf(copy)[path]),
        `${path}, ${when}`,
      ).to.include(bytes);
    }
    expect(reportOf(), when).to.deep.include({state: 'ready', remaining: 0});
    expect(contentOf(join(vault, 'agent')), when).to.deep.equal(before);
    expect(readdirSync(vault).sort(), when).to.deep.equal(['.tazpod', 'agent']);
    expect(readdirSync(join(vault, '.tazpod/bridges')), when).to.deep.equal([]);
    expect(readdirSync(join(home, '.agent')), when).to.deep.equal([]);
    return true;
  }

  /** Copies that are being made. */
  function incoming(): string[] {
    const desks = join(vault, '.tazpod/bridges');
    return existsSync(desks) ? readdirSync(desks).map((name) => join(desks, name, 'incoming')) : [];
  }

  it('what was changed outside after a kill is kept, beside what had been copied', () => {
    fill(join(home, '.agent'));
    const tracer = ['strace', '-f', '-o', '/dev/null', '--trace=/^unlink'];
    work([bridge], [...tracer, '--inject=/^unlink:signal=KILL:when=2']);
    expect(existsSync(join(vault, 'agent/token'))).to.equal(true);
    writeFileSync(join(home, '.agent/token'), 'changed');
    expect(reportOf()).to.include({state: 'ready', remaining: 0});
    expect(readFileSync(join(vault, 'agent/token'), 'utf8')).to.equal('secret');
    expect(readFileSync(join(vault, 'agent.from-home-1/token'), 'utf8')).to.equal('changed');
  });

  const inTheWay: Readonly<Record<string, {make: (path: string) => unknown; report: object}>> = {
    'a symbolic link': {
      make: (path) => symlinkSync(vault, path),
      report: {state: 'refused', end: 'home', code: 'ENOTDIR'},
    },
    'a file': {make: (path) => writeFileSync(path, ''), report: {state: 'refused', end: 'home', code: 'ENOTDIR'}},
  };
  for (const [name, {make, report}] of Object.entries(inTheWay)) {
    it(`${name} in the place of an end is refused, and not followed`, () => {
      make(join(home, '.agent'));
      expect(reportOf()).to.deep.equal(report);
      expect(contentOf(vault)).to.deep.equal({});
    });
  }

  it('what cannot be moved leaves everything as it is', () => {
    fill(join(home, '.agent'));
    spawnSync('mknod', [join(home, '.agent/device'), 'c', '1', '3']);
    const before = contentOf(home);
    expect(reportOf()).to.deep.equal({state: 'left out', path: 'device', why: 'it is a device'});
    expect(contentOf(home)).to.deep.equal(before);
    expect(readdirSync(join(vault, 'agent'))).to.deep.equal([]);
  });

  it('sockets and FIFOs, which hold nothing, are not taken along and not left', () => {
    mkdirSync(join(home, '.agent'));
    spawnSync('mkfifo', [join(home, '.agent/fifo')]);
    expect(reportOf()).to.deep.include({state: 'ready', moved: [], remaining: 0});
    expect(readdirSync(join(vault, 'agent'))).to.deep.equal([]);
  });
});
