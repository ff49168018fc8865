import {spawnSync} from 'node:child_process';
import {existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';

const root = join(import.meta.dirname, '../..');

type Result = {lastLine: string; output: string; status: number | null};

describe('npm test', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tazpod-suite-'));
  });

  afterEach(() => {
    rmSync(folder, {recursive: true, force: true});
  });

  /** Runs tests as `npm test` does after its checks. */
  function run(tests: string, environment: NodeJS.ProcessEnv = {}): Result {
    const file = join(folder, 'a.test.mjs');
    writeFileSync(file, tests);
    return runOnly(file, environment);
  }

  /** Runs the tests of a file or of a directory. */
  function runOnly(path: string, environment: NodeJS.ProcessEnv = {}): Result {
    const {CI: _, ...rest} = process.env;
    const script = join(root, 'scripts/test.js');
    const options = {cwd: root, encoding: 'utf8', env: {...rest, ...environment}} as const;
    const {status, stdout} = spawnSync(process.execPath, [script, '--only', path], options);
    return {lastLine: stdout.trimEnd().split('\n').at(-1)!, output: stdout, status};
  }

  const left = join(root, `left-by-a-test-${process.pid}`);
  afterEach(() => rmSync(left, {force: true}));

  const skipping = `
    import {skip} from '${root}/test/skip.ts';
    it('stands', () => {});
    it('waits', function () { skip(this, 'no such kernel'); });
    describe('many', () => {
      before(function () { skip(this, 'no such engine'); });
      it('rest', () => {});
    });
    it.skip('forgotten', () => {});`;

  it('ends with one line that counts what passed and what failed', () => {
    const result = run(`it('stands', () => {}); it('falls', () => { throw new Error('the floor is wet'); });`);
    expect(result).to.include({lastLine: '1 passed, 1 failed', status: 1});
    expect(result.output).to.contain('the floor is wet');
  });

  it('succeeds when nothing failed', () => {
    expect(run(`it('stands', () => {});`)).to.include({lastLine: '1 passed, 0 failed', status: 0});
  });

  it('tells each skipped test and its reason', () => {
    const result = run(skipping);
    expect(result).to.include({lastLine: '1 passed, 0 failed, 3 skipped', status: 0});
    expect(result.output).to.match(/skipped: .*waits \(no such kernel\)/);
    expect(result.output).to.match(/skipped: .*many rest \(no such engine\)/);
    expect(result.output).to.match(/skipped: .*forgotten \(no reason given\)/);
  });

  it('fails under CI when a test was skipped', () => {
    expect(run(skipping, {CI: 'true'})).to.include({lastLine: '1 passed, 0 failed, 3 skipped', status: 1});
  });

  it('fails when no test was found, and when a test file cannot be read', () => {
    expect(run('').status).to.equal(1);
    expect(run('import "./nowhere.mjs";')).to.include({lastLine: '0 passed, 1 failed', status: 1});
  });

  it('fails when the tests end before their end', () => {
    const result = run(`it('leaves', () => { process.exit(0); });`);
    expect(result).to.include({lastLine: '0 passed, 1 failed', status: 1});
  });

  it('fails when a test leaves a file in the checkout, and names it', () => {
    const result = run(
      `import {writeFileSync} from 'node:fs'; it('litters', () => writeFileSync(${JSON.stringify(left)}, ''));`,
    );
    expect(result).to.include({lastLine: '1 passed, 1 failed', status: 1});
    expect(result.output).to.contain(`?? left-by-a-test-${process.pid}`);
    // What was there before the run is no fault of the run.
    expect(run(`it('stands', () => {});`)).to.include({lastLine: '1 passed, 0 failed', status: 0});
  });

  it('runs only the test files of a directory, not the programs that they start', () => {
    const touched = join(folder, 'touched');
    mkdirSync(join(folder, 'part'));
    writeFileSync(join(folder, 'part/a.test.ts'), `it('stands', () => {});`);
    writeFileSync(
      join(folder, 'part/child.ts'),
      `import {writeFileSync} from 'node:fs'; writeFileSync(${JSON.stringify(touched)}, '');`,
    );
    expect(runOnly(join(folder, 'part'))).to.include({lastLine: '1 passed, 0 failed', status: 0});
    expect(existsSync(touched)).to.equal(false);
  });
});
