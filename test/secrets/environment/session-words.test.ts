import {spawnSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import {expect} from 'chai';
import fc from 'fast-check';
import {renderEnvironment} from '../../../src/secrets/environment/environment-files.ts';
import {
  thenWithVariables,
  type VariableChoice,
  withoutPulled,
  withVariables,
} from '../../../src/secrets/environment/session-words.ts';

describe('A command with pulled variables', () => {
  let vault: string;

  beforeEach(() => {
    vault = mkdtempSync(join(tmpdir(), 'tazpod-words-'));
  });

  afterEach(() => rmSync(vault, {recursive: true}));

  function render(values: Record<string, Buffer>): void {
    const variables = Object.entries(values).map(([name, value]) => ({name, value}));
    for (const {path, bytes} of renderEnvironment(variables)) {
      mkdirSync(dirname(join(vault, '.tazpod/environment', path)), {recursive: true});
      writeFileSync(join(vault, '.tazpod/environment', path), bytes);
    }
  }

  function run(words: readonly string[], environment: Record<string, string> = {}) {
    const [program, ...args] = words;
    const env = {PATH: '/usr/bin:/bin', TAZPOD_VAULT: vault, ...environment};
    const {status, stdout, stderr} = spawnSync(program!, args, {env, encoding: 'latin1'});
    return {status, stdout, stderr};
  }

  const environmentOf = (choice: VariableChoice, more?: Record<string, string>) =>
    new Map(
      run(withVariables(['env', '-0'], choice), more)
        .stdout.split('\0')
        .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)] as const),
    );

  it('gets every byte of them', () => {
    const value = fc.uint8Array({min: 1, max: 255, maxLength: 200}).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(value, value, (one, two) => {
        render({ONE: one, TWO: two});
        expect(environmentOf('all').get('ONE')).to.equal(one.toString('latin1'));
        expect(environmentOf(['TWO']).get('TWO')).to.equal(two.toString('latin1'));
      }),
      {numRuns: 15},
    );
  });

  it('gets all of them, some, or none', () => {
    render({ONE: Buffer.from('1'), TWO: Buffer.from('2')});
    const seen = (choice: VariableChoice) => ['ONE', 'TWO'].filter((name) => environmentOf(choice).has(name));
    expect([seen('all'), seen(['TWO']), seen(['TWO', 'ONE']), seen('none')]).to.deep.equal([
      ['ONE', 'TWO'],
      ['TWO'],
      ['ONE', 'TWO'],
      [],
    ]);
  });

  it('is started without them where nothing was pulled', () => {
    expect(run(withVariables(['echo', 'here'], 'all'))).to.deep.equal({status: 0, stdout: 'here\n', stderr: ''});
    expect(run(withVariables(['missing-program'], 'all')).status).to.equal(127);
  });

  it('is not started where one that was asked for was not pulled', () => {
    const {status, stdout, stderr} = run(withVariables(['echo', 'here'], ['MISSING']));
    expect({status, stdout}).to.deep.equal({status: 78, stdout: ''});
    expect(stderr).to.equal('error: No variable MISSING was pulled.\n  Next: tazpod secrets list\n');
  });

  it('keeps its arguments and the rest of its environment, also what is no name to a shell', () => {
    render({ONE: Buffer.from('1')});
    const others = {
      'a.b': '1',
      'BASH_FUNC_f%%': '() { echo f; }',
      BASH_ENV: '/nowhere',
      SHLVL: '5',

      first: 'f',
    };
    expect(Object.fromEntries(environmentOf('all', others))).to.include(others);
    const words = ['--', '', "it's", '$(id)', 'new\nline'];
    expect(run(withVariables(['printf', '<%s>', ...words], 'all')).stdout).to.equal(
      words.map((word) => `<${word}>`).join(''),
    );
  });

  it('comes after another one that ends well, with what that one has brought, and not after one that does not', () => {
    const bring = `mkdir -p ${vault}/.tazpod/environment; echo "export ONE='brought'" > ${vault}/.tazpod/environment/environment.sh`;
    const next = ['sh', '-c', 'echo "<$ONE>"'];
    expect(run(thenWithVariables(['sh', '-c', `${bring}; echo "it's"`], next)).stdout).to.equal("it's\n<brought>\n");
    expect(run(thenWithVariables(['sh', '-c', 'exit 66'], next))).to.deep.equal({status: 66, stdout: '', stderr: ''});
  });

  it('is rid of those that are in the environment already', () => {
    const json = JSON.stringify([{name: 'ONE', value: '1'}]);
    expect(withoutPulled({ONE: '1', OTHER: '2', NONE: undefined}, json)).to.deep.equal({OTHER: '2'});
    expect(withoutPulled({ONE: '1'}, 'not JSON')).to.deep.equal({ONE: '1'});
  });
});
