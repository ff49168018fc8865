import {spawnSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import type {ShellInput} from 'tazpod/contract';
import fish, {quote} from '../src/shell.ts';

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

describe('The snippet for fish', function () {
  this.timeout(20_000);
  let folder: string;
  let snippet: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'tazpod-fish-'));
    snippet = join(folder, 'snippet');
    writeFileSync(snippet, fish.renderSnippet(input));
    mkdirSync(join(folder, '.tazpod/environment'), {recursive: true});
    writeFileSync(join(folder, '.tazpod/environment/environment.fish'), `set -gx TOKEN 'it\\'s secret'\n`);
  });

  after(() => rmSync(folder, {recursive: true}));

  const ghost = () => ({TAZPOD_GHOST_MODE: 'true', TAZPOD_VAULT: folder});

  /** Runs lines in an interactive shell that has read the snippet between two pieces of a start-up file. */
  function shell(
    lines: string,
    {env = {}, before = '', after = ''}: {env?: object; before?: string; after?: string} = {},
  ) {
    writeFileSync(join(folder, 'lines'), [before, fish.renderSourceLine(snippet), after, lines, ''].join('\n'));
    return spawnSync('fish', ['--no-config', '-i', '-c', `source ${quote(join(folder, 'lines'))}`], {
      cwd: folder,
      encoding: 'utf8',
      env: {HOME: folder, LANG: 'C.UTF-8', PATH: '/usr/bin:/bin', TERM: 'dumb', ...env},
    });
  }

  it('works for an agent, which copies only functions whose names do not begin with "_"', () => {
    const copied = join(folder, 'copied');
    const agent = (lines: string, env: object = {}) => {
      shell(`for name in tazpod gemini; functions $name; end >${quote(copied)}`, {env});
      return spawnSync('fish', ['--no-config', '-c', `source ${quote(copied)}; ${lines}`], {
        cwd: folder,
        encoding: 'utf8',
        env: {HOME: folder, LANG: 'C.UTF-8', PATH: `${folder}:/usr/bin:/bin`, TERM: 'dumb', ...env},
      });
    };
    const outside = agent("tazpod status 'two words'; tazpod unlock; gemini --version");
    expect(outside.stdout).to.equal('TAZPOD a word status two words\nTAZPOD a word unlock\n');
    expect(outside.stderr).to.equal(`gemini runs inside the vault only: ${hostile}.\nNext: tazpod exec -- gemini\n`);
    expect(outside.status).to.equal(77);
    writeFileSync(join(folder, 'gemini'), '#!/bin/sh\nprintf "<%s>" $argv "$@"\n', {mode: 0o755});
    const inside = agent('set -e TOKEN; tazpod pull; echo "$TOKEN"', ghost());
    expect(inside).to.include({stdout: "TAZPOD a word pull\nit's secret\n", stderr: '', status: 0});
  });

  it('quotes any text as one word', () => {
    for (const word of [hostile, '', ' ', '\n', "'", '\\', "\\'", '\\\\', '-n', '*']) {
      expect(shell(`printf '<%s>' ${quote(word)}`).stdout).to.equal(`<${word}>`);
    }
  });

  it('is an addition that says nothing, also without a vault', () => {
    for (const env of [{}, ghost(), {TAZPOD_GHOST_MODE: 'true'}]) {
      const {status, stdout, stderr} = shell('true', {env});
      expect({status, stdout, stderr: withoutJobControl(stderr)}).to.deep.equal({status: 0, stdout: '', stderr: ''});
    }
  });

  it('says in a ghost that sudo and its like cannot work there', () => {
    for (const name of ['sudo', 'su', 'doas', 'pkexec']) {
      const {stdout, stderr} = shell(`${name} ls; echo $status`, {env: ghost()});
      expect(stderr).to.include(`${name} cannot work inside a ghost: no program in it can become root.`);
      expect(stdout).to.equal('1\n');
    }
    expect(shell('functions -q sudo; echo $status').stdout).to.equal('1\n');
  });

  it('shows the reason of a latch as it is, and runs nothing of it', () => {
    const {stderr} = shell('gemini --version; 7z.x-y+z </dev/null');
    expect(stderr).to.include(`gemini runs inside the vault only: ${hostile}.\nNext: tazpod exec -- gemini\n`);
    expect(stderr).to.include('7z.x-y+z runs inside the vault only.\n');
    expect(shell('ls').stdout).not.to.include('harm');
  });

  it('runs the real program inside, with the same arguments', () => {
    writeFileSync(join(folder, 'gemini'), '#!/bin/sh\nprintf "<%s>" "$@"\n', {mode: 0o755});
    const {stdout} = shell(`gemini 'two words' '' '*'`, {env: {...ghost(), PATH: `${folder}:/usr/bin:/bin`}});
    expect(stdout).to.equal('<two words><><*>');
  });

  it('passes every argument on to TazPod, and its exit code back', () => {
    expect(shell("tazpod status 'two words' ''").stdout).to.equal('TAZPOD a word status two words \n');
    writeFileSync(join(folder, 'snippet-79'), fish.renderSnippet({...input, tazpod: ['sh', '-c', 'exit 79', 'sh']}));
    const {stdout} = shell(`source ${quote(join(folder, 'snippet-79'))}; tazpod unlock; echo code=$status`);
    expect(stdout).to.equal('code=79\n');
  });

  it('has what was pulled inside from the start, and outside not at all', () => {
    expect(shell('echo "$TOKEN"', {env: ghost()}).stdout).to.equal("it's secret\n");
    expect(shell('echo "$TOKEN"', {env: {TAZPOD_VAULT: folder}}).stdout).to.equal('\n');
  });

  for (const command of ['pull', 'secrets:pull', 'secrets pull --profile prod', 'sync', 'login']) {
    it(`reads it again after "${command}"`, () => {
      const {stdout} = shell(`set -e TOKEN; tazpod ${command}; echo "$TOKEN"`, {env: ghost()});
      expect(stdout).to.match(/^TAZPOD .*\nit's secret\n$/);
    });
  }

  it('gives `env` through a pipe as TazPod prints it', () => {
    expect(shell('tazpod env | cat', {env: ghost()}).stdout).to.equal('TAZPOD a word env\n');
  });

  const prompts = 'emit fish_prompt; emit fish_prompt; fish_prompt';

  it('marks a plain prompt inside, once', () => {
    const plain = {before: "function fish_prompt; echo -n '> '; end"};
    expect(shell(prompts, {...plain, env: ghost()}).stdout).to.equal('👻 > ');
    expect(shell(prompts, plain).stdout).to.equal('> ');
    expect(shell(prompts, {...plain, env: {...ghost(), LANG: 'C'}}).stdout).to.equal('(ghost) > ');
    expect(shell(prompts, {...plain, env: {...ghost(), TAZPOD_PROMPT_MARK: ''}}).stdout).to.equal('> ');
  });

  it('marks a prompt that is made later in the start-up file, and shows it the exit code', () => {
    const theme = 'function fish_prompt; echo -n "theme $status "; end';
    expect(shell(`emit fish_prompt; false; fish_prompt`, {env: ghost(), after: theme}).stdout).to.equal('👻 theme 1 ');
  });

  it('completes commands with what they do, and flags', () => {
    expect(shell("complete -C 'tazpod un'").stdout).to.equal('unlock\tOpen\n');
    expect(shell("complete -C 'tazpod vault '").stdout).to.equal('lock\tClose\n');
    expect(shell("complete -C 'tazpod unlock --i'").stdout).to.equal('--image\n');
  });

  describe('after a ghost', () => {
    /** What a shell says that goes on living after a command of TazPod's, which ends with `code`. */
    function afterwards(command: string, {code = 0, flags = ['-i'], first = true, before = ''} = {}): string {
      const file = join(folder, 'snippet-after');
      writeFileSync(file, fish.renderSnippet({...input, tazpod: ['sh', '-c', `exit ${code}`, 'sh']}));
      const lines = join(folder, 'lines');
      writeFileSync(lines, `source ${quote(file)}\n${before}\n${command}\necho alive $status\n`);
      const words = ['fish', '--no-config', ...flags, '-c', `source ${quote(lines)}`];
      return spawnSync('setsid', ['--wait', ...(first ? [] : ['sh', '-c', '"$@"; exit', 'sh']), ...words], {
        cwd: folder,
        encoding: 'utf8',
        env: {HOME: folder, LANG: 'C.UTF-8', PATH: '/usr/bin:/bin', TERM: 'dumb'},
      }).stdout;
    }

    for (const command of ['unlock', 'vault unlock', 'vault:unlock', 'pull', 'sync', 'secrets pull', 'reinit']) {
      it(`the first shell of a terminal ends when "${command}" has ended well`, () => {
        expect(afterwards(`tazpod ${command} --image x`)).to.equal('');
      });
    }

    it('it stays after a lock, a failure, and a signal', () => {
      for (const code of [79, 1, 77, 130]) expect(afterwards('tazpod unlock', {code})).to.equal(`alive ${code}\n`);
    });

    it('it stays after what has opened no shell', () => {
      for (const command of [
        'unlock --help',
        'pull --no-shell',
        'pull --json',
        'status',
        'exec -- true',
        'vault lock',
      ]) {
        expect(afterwards(`tazpod ${command}`), command).to.equal('alive 0\n');
      }
    });

    it('it stays if its user wants that, if it is not the first of its terminal, and if nobody types', () => {
      expect(afterwards('tazpod unlock', {before: 'set -g TAZPOD_STAY 1'})).to.equal('alive 0\n');
      expect(afterwards('tazpod unlock', {first: false})).to.equal('alive 0\n');
      expect(afterwards('tazpod unlock', {flags: []})).to.equal('alive 0\n');
    });
  });

  it('starts no process when a shell starts', () => {
    const count = (env: object, source: boolean) => {
      const start = source ? `source ${quote(snippet)}` : 'true';
      const {stderr} = spawnSync(
        'strace',
        ['-f', '-q', '-e', 'trace=process', '-e', 'signal=none', 'fish', '--no-config', '-i', '-c', start],
        {
          cwd: folder,
          encoding: 'utf8',
          env: {HOME: folder, LANG: 'C.UTF-8', PATH: '/usr/bin:/bin', TERM: 'dumb', ...env},
        },
      );
      return [...stderr.matchAll(/(execve|clone3?|v?fork)\(/g)].length;
    };
    expect(count({}, true)).to.equal(count({}, false));
    expect(count(ghost(), true)).to.equal(count(ghost(), false));
  });
});

/** Without what an interactive shell says because it has no terminal. */
function withoutJobControl(text: string): string {
  return text.replace(/^fish: .*\n/gm, '');
}
