import {spawnSync, type SpawnSyncReturns} from 'node:child_process';
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import type {Shell, ShellInput} from '../../src/contract/index.ts';

/** A shell whose plugin is tested, and its words for what the sentences below need. */
export type ShellUnderTest = {
  readonly title: string;
  readonly plugin: Shell;
  /** Any text as one word. */
  readonly quote: (text: string) => string;
  /** The shell, without the start-up files of anybody. */
  readonly words: readonly [program: string, ...flags: string[]];
  /** What it says because it has no terminal. */
  readonly noise: RegExp;
  readonly lastStatus: string;
  /** What a pull writes, by which TOKEN is `it's secret`. */
  readonly environmentFile: {readonly name: string; readonly content: string};
  readonly unsetToken: string;
  readonly stay: string;
  /** A start-up file that makes an alias; a shell without it has functions only. */
  readonly alias?: (name: string) => string;
  /** Prints "function" if a name is one. */
  readonly kindOf: (name: string) => string;
  /** Prints the definitions of the functions whose names do not begin with "_", as agents copy them. */
  readonly publicFunctions: string;
  /** Makes the prompt `> `. */
  readonly plainPrompt: string;
  /** Prints the prompt as it is the second time. */
  readonly secondPrompt: string;
  /** Where its history lies, if a variable says so: below the home, and in the vault. */
  readonly history?: {readonly home: string; readonly vault: string};
};

/** What the plugin's own sentences use. */
export type ShellBed = {
  /** The variables of a ghost. */
  readonly ghost: () => Record<string, string>;
  /** Runs lines in an interactive shell that has read the snippet between two pieces of a start-up file. */
  readonly shell: (lines: string, options?: StartUp) => SpawnSyncReturns<string>;
};

type StartUp = {readonly env?: object; readonly before?: string; readonly after?: string};

/** Text that does harm wherever a shell takes it for more than text. */
const hostile = `it's $(touch harm) "quoted" \\ \`touch harm\` %s && !x 👻`;

const input: ShellInput = {
  tazpod: ['/bin/echo', 'TAZPOD', 'a word'],
  latches: [{command: 'gemini', reason: hostile}, {command: '7z.x-y+z'}],
  environmentFolder: '.tazpod/environment',
  commands: [
    {id: 'unlock', summary: 'Open', flags: ['--image', '--json']},
    {id: 'vault lock', summary: 'Close', flags: ['--grace']},
  ],
};

/** The sentences that hold for every shell, each with the shell itself; `more` has those of this one. */
export function describeShell(under: ShellUnderTest, more: (bed: ShellBed) => void): void {
  const {plugin, quote, words, lastStatus, unsetToken} = under;

  describe(`The snippet for ${under.title}`, function () {
    this.timeout(20_000);
    let folder: string;
    let snippet: string;

    before(() => {
      folder = mkdtempSync(join(tmpdir(), `tazpod-${words[0]}-`));
      snippet = join(folder, 'snippet');
      writeFileSync(snippet, plugin.renderSnippet(input));
      mkdirSync(join(folder, '.tazpod/environment'), {recursive: true});
      writeFileSync(join(folder, '.tazpod/environment', under.environmentFile.name), under.environmentFile.content);
    });

    after(() => rmSync(folder, {recursive: true}));

    const ghost = () => ({TAZPOD_GHOST_MODE: 'true', TAZPOD_VAULT: folder});

    function run(program: readonly string[], env: object = {}): SpawnSyncReturns<string> {
      return spawnSync(program[0]!, program.slice(1), {
        cwd: folder,
        encoding: 'utf8',
        env: {HOME: folder, LANG: 'C.UTF-8', PATH: '/usr/bin:/bin', TERM: 'dumb', ...env},
      });
    }

    function shell(lines: string, {env = {}, before = '', after = ''}: StartUp = {}) {
      const path = join(folder, 'lines');
      writeFileSync(path, [before, plugin.renderSourceLine(snippet), after, lines, ''].join('\n'));
      return run([...words, '-i', '-c', `source ${quote(path)}`], env);
    }

    /** A snippet by which each command of TazPod's ends with this code. */
    function snippetEndingWith(code: number): string {
      const path = join(folder, 'snippet-code');
      writeFileSync(path, plugin.renderSnippet({...input, tazpod: ['sh', '-c', `exit ${code}`, 'sh']}));
      return path;
    }

    /** A program of the latch's name, which prints its arguments. */
    function writeRealProgram(): {PATH: string} {
      writeFileSync(join(folder, 'gemini'), '#!/bin/sh\nprintf "<%s>" "$@"\n', {mode: 0o755});
      return {PATH: `${folder}:/usr/bin:/bin`};
    }

    it('works for an agent, which copies only functions whose names do not begin with "_"', () => {
      const copied = join(folder, 'copied');
      const agent = (lines: string, env: object = {}) => {
        writeFileSync(copied, shell(under.publicFunctions, {env}).stdout);
        return run([...words, '-c', `source ${quote(copied)}; ${lines}`], env);
      };
      const outside = agent("tazpod status 'two words'; tazpod unlock; tazpod pull; gemini --version");
      expect(outside.stdout).to.equal(
        'TAZPOD a word status two words\nTAZPOD a word unlock\nTAZPOD a word pull\n',
        outside.stderr,
      );
      expect(outside.stderr).to.equal(`gemini runs inside the vault only: ${hostile}.\nNext: tazpod exec -- gemini\n`);
      expect(outside.status).to.equal(77);
      const env = {...ghost(), ...writeRealProgram()};
      const inside = agent(`gemini x; ${unsetToken}; tazpod pull; echo "$TOKEN"`, env);
      expect(inside).to.include({stdout: "<x>TAZPOD a word pull\nit's secret\n", stderr: '', status: 0});
    });

    it('quotes any text as one word', () => {
      for (const word of [hostile, '', ' ', '\n', "'", '\\', "\\'", '\\\\', '-n', '*']) {
        expect(shell(`printf '<%s>' ${quote(word)}`).stdout).to.equal(`<${word}>`);
      }
    });

    it('is an addition that says nothing, also without a vault', () => {
      for (const env of [{}, ghost(), {TAZPOD_GHOST_MODE: 'true'}]) {
        const {status, stdout, stderr} = shell('true', {env});
        const said = stderr.replace(under.noise, '');
        expect({status, stdout, said}).to.deep.equal({status: 0, stdout: '', said: ''});
      }
    });

    it('says in a ghost that sudo and its like cannot work there, even where they are aliases', () => {
      for (const name of ['sudo', 'su', 'doas', 'pkexec']) {
        const before = under.alias?.(name) ?? '';
        const {stdout, stderr} = shell(`${name} ls; echo ${lastStatus}`, {before, env: ghost()});
        expect(stderr).to.include(`${name} cannot work inside a ghost: no program in it can become root.`);
        expect(stdout).to.equal('1\n');
      }
      expect(shell(under.kindOf('sudo'), {env: ghost()}).stdout).to.include('function');
      expect(shell(under.kindOf('sudo')).stdout).not.to.include('function');
    });

    it('shows the reason of a latch as it is, and runs nothing of it', () => {
      const {stderr} = shell('gemini --version; 7z.x-y+z </dev/null');
      expect(stderr).to.include(`gemini runs inside the vault only: ${hostile}.\nNext: tazpod exec -- gemini\n`);
      expect(stderr).to.include('7z.x-y+z runs inside the vault only.\n');
      expect(shell('ls').stdout).not.to.include('harm');
    });

    it('runs the real program inside, with the same arguments', () => {
      const {stdout} = shell(`gemini 'two words' '' '*'`, {env: {...ghost(), ...writeRealProgram()}});
      expect(stdout).to.equal('<two words><><*>');
    });

    it('passes every argument on to TazPod, and its exit code back', () => {
      expect(shell("tazpod status 'two words' ''").stdout).to.equal('TAZPOD a word status two words \n');
      const {stdout} = shell(`source ${quote(snippetEndingWith(79))}; tazpod unlock; echo code=${lastStatus}`);
      expect(stdout).to.equal('code=79\n');
    });

    it('has what was pulled inside from the start, and outside not at all', () => {
      expect(shell('echo "$TOKEN"', {env: ghost()}).stdout).to.equal("it's secret\n");
      expect(shell('echo "$TOKEN"', {env: {TAZPOD_VAULT: folder}}).stdout).to.equal('\n');
    });

    for (const command of ['pull', 'secrets:pull', 'secrets pull --profile prod', 'sync', 'login']) {
      it(`reads it again after "${command}"`, () => {
        const {stdout} = shell(`${unsetToken}; tazpod ${command}; echo "$TOKEN"`, {env: ghost()});
        expect(stdout).to.match(/^TAZPOD .*\nit's secret\n$/);
      });
    }

    it('gives `env` through a pipe as TazPod prints it', () => {
      expect(shell('tazpod env | cat', {env: ghost()}).stdout).to.equal('TAZPOD a word env\n');
    });

    it('marks a plain prompt inside, once', () => {
      const prompt = (env: object) => shell(under.secondPrompt, {before: under.plainPrompt, env}).stdout;
      expect(prompt(ghost())).to.equal('👻 > ');
      expect(prompt({})).to.equal('> ');
      expect(prompt({...ghost(), LANG: 'C'})).to.equal('(ghost) > ');
      expect(prompt({...ghost(), TAZPOD_PROMPT_MARK: '# '})).to.equal('# > ');
      expect(prompt({...ghost(), TAZPOD_PROMPT_MARK: ''})).to.equal('> ');
    });

    const {history} = under;
    if (history !== undefined) {
      it('leads the history into the vault, where a start-up file has led it into the home', () => {
        const lines = 'printf "[%s]" "${HISTFILE-}"';
        const before = `HISTFILE=~/${history.home}`;
        expect(shell(lines, {before}).stdout).to.equal(`[${folder}/${history.home}]`);
        expect(shell(lines, {before, env: ghost()}).stdout).to.equal(`[${folder}/${history.vault}]`);
        expect(shell(lines, {before: 'unset HISTFILE', env: ghost()}).stdout).to.equal('[]');
      });
    }

    describe('after a ghost', () => {
      /** What a shell says that goes on living after a command of TazPod's, which ends with `code`. */
      function afterwards(command: string, {code = 0, flags = ['-i'], first = true, before = ''} = {}): string {
        const lines = join(folder, 'lines');
        const snippetLine = `source ${quote(snippetEndingWith(code))}`;
        writeFileSync(lines, `${snippetLine}\n${before}\n${command}\necho alive ${lastStatus}\n`);
        const between = first ? [] : ['sh', '-c', '"$@"; exit', 'sh'];
        return run(['setsid', '--wait', ...between, ...words, ...flags, '-c', `source ${quote(lines)}`]).stdout;
      }

      for (const command of ['unlock', 'vault unlock', 'vault:unlock', 'pull', 'sync', 'secrets pull', 'reinit']) {
        it(`the first shell of a terminal ends when "${command}" has ended well`, () => {
          expect(afterwards(`tazpod ${command} --image x`)).to.equal('');
        });
      }

      it('the first shell of a terminal stays after a lock, a failure, and a signal', () => {
        for (const code of [79, 1, 77, 130]) expect(afterwards('tazpod unlock', {code})).to.equal(`alive ${code}\n`);
      });

      it('the first shell of a terminal stays after what has opened no shell', () => {
        const without = ['unlock --help', 'pull --no-shell', 'pull --json', 'status', 'exec -- true', 'vault lock'];
        for (const command of without) expect(afterwards(`tazpod ${command}`), command).to.equal('alive 0\n');
      });

      it('a shell stays if its user wants that, if it is not the first of its terminal, and if nobody types', () => {
        expect(afterwards('tazpod unlock', {before: under.stay})).to.equal('alive 0\n');
        expect(afterwards('tazpod unlock', {first: false})).to.equal('alive 0\n');
        expect(afterwards('tazpod unlock', {flags: []})).to.equal('alive 0\n');
      });
    });

    it('starts no process when a shell starts', () => {
      const trace = ['strace', '-f', '-q', '-e', 'trace=process', '-e', 'signal=none', ...words, '-i', '-c'];
      const count = (env: object, line: string) =>
        [...run([...trace, line], env).stderr.matchAll(/(execve|clone3?|v?fork)\(/g)].length;
      const source = `source ${quote(snippet)}`;
      expect(count({}, source)).to.equal(count({}, 'true'));
      expect(count(ghost(), source)).to.equal(count(ghost(), 'true'));
    });

    more({ghost, shell});
  });
}
