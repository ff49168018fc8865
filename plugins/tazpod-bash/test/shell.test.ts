import {spawnSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import type {ShellInput} from 'tazpod/contract';
import bash, {quote} from '../src/shell.ts';

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

describe('The snippet for Bash', function () {
  this.timeout(20_000);
  let folder: string;
  let snippet: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'tazpod-bash-'));
    snippet = join(folder, 'snippet');
    writeFileSync(snippet, bash.renderSnippet(input));
    mkdirSync(join(folder, '.tazpod/environment'), {recursive: true});
    writeFileSync(join(folder, '.tazpod/environment/environment.sh'), `export TOKEN='it'\\''s secret'\n`);
  });

  after(() => rmSync(folder, {recursive: true}));

  const ghost = () => ({TAZPOD_GHOST_MODE: 'true', TAZPOD_VAULT: folder});

  /** Runs lines in an interactive shell that has read the snippet between two pieces of a start-up file. */
  function shell(
    lines: string,
    {env = {}, before = '', after = ''}: {env?: object; before?: string; after?: string} = {},
  ) {
    writeFileSync(join(folder, 'lines'), [before, bash.renderSourceLine(snippet), after, lines, ''].join('\n'));
    return spawnSync('bash', ['--noprofile', '--norc', '-i', '-c', `. ${quote(join(folder, 'lines'))}`], {
      cwd: folder,
      encoding: 'utf8',
      env: {HOME: folder, LANG: 'C.UTF-8', PATH: '/usr/bin:/bin', TERM: 'dumb', ...env},
    });
  }

  /** Calls functions as an agent does, which copies those of the user whose names do not begin with "_". */
  function agent(lines: string, env: object = {}) {
    const copied = join(folder, 'copied');
    const names = `declare -F | cut -d' ' -f3 | grep -v '^_'`;
    shell(`for name in $(${names}); do declare -f "$name"; done >${quote(copied)}`, {env});
    return spawnSync('bash', ['--noprofile', '--norc', '-c', `. ${quote(copied)}; ${lines}`], {
      cwd: folder,
      encoding: 'utf8',
      env: {HOME: folder, LANG: 'C.UTF-8', PATH: `${folder}:/usr/bin:/bin`, TERM: 'dumb', ...env},
    });
  }

  it('works for an agent, which has the public functions only', () => {
    const outside = agent("tazpod status 'two words'; gemini --version");
    expect(outside.stdout).to.equal('TAZPOD a word status two words\n');
    expect(outside.stderr).to.equal(`gemini runs inside the vault only: ${hostile}.\nNext: tazpod exec -- gemini\n`);
    expect(outside.status).to.equal(77);
    expect(agent('tazpod unlock; tazpod pull').stdout).to.equal('TAZPOD a word unlock\nTAZPOD a word pull\n');
    writeFileSync(join(folder, 'gemini'), '#!/bin/sh\nprintf "<%s>" "$@"\n', {mode: 0o755});
    const inside = agent('gemini x; unset TOKEN; tazpod pull; echo "$TOKEN"', ghost());
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
      expect({status, stdout, stderr: withoutJobControl(stderr)}).to.deep.equal({status: 0, stdout: '', stderr: ''});
    }
  });

  it('leads the history into the vault, where a start-up file has led it into the home', () => {
    const lines = 'printf "[%s]" "$HISTFILE"';
    const before = 'HISTFILE=~/.bash_history';
    expect(shell(lines, {before}).stdout).to.equal(`[${folder}/.bash_history]`);
    expect(shell(lines, {before, env: ghost()}).stdout).to.equal(`[${folder}/.tazpod/history]`);
    expect(shell(lines, {before: 'unset HISTFILE', env: ghost()}).stdout).to.equal('[]');
  });

  it('says in a ghost that sudo and its like cannot work there, even where they are aliases', () => {
    for (const name of ['sudo', 'su', 'doas', 'pkexec']) {
      const {stdout, stderr} = shell(`${name} ls; echo $?`, {before: `alias ${name}='${name} '`, env: ghost()});
      expect(stderr).to.include(`${name} cannot work inside a ghost: no program in it can become root.`);
      expect(stdout).to.equal('1\n');
    }
    expect(shell('type -t sudo').stdout).not.to.include('function');
  });

  it('names the jobs in the background at "exit", which end with the ghost', () => {
    expect(shell('shopt checkjobs', {env: ghost()}).stdout).to.match(/on$/m);
    expect(shell('shopt checkjobs').stdout).to.match(/off$/m);
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
    writeFileSync(join(folder, 'snippet-79'), bash.renderSnippet({...input, tazpod: ['sh', '-c', 'exit 79', 'sh']}));
    const {stdout} = shell(`. ${quote(join(folder, 'snippet-79'))}; tazpod unlock; echo code=$?`);
    expect(stdout).to.equal('code=79\n');
  });

  it('has what was pulled inside from the start, and outside not at all', () => {
    expect(shell('echo "$TOKEN"', {env: ghost()}).stdout).to.equal("it's secret\n");
    expect(shell('echo "$TOKEN"', {env: {TAZPOD_VAULT: folder}}).stdout).to.equal('\n');
  });

  for (const command of ['pull', 'secrets:pull', 'secrets pull --profile prod', 'sync', 'login']) {
    it(`reads it again after "${command}"`, () => {
      const {stdout} = shell(`unset TOKEN; tazpod ${command}; echo "$TOKEN"`, {env: ghost()});
      expect(stdout).to.match(/^TAZPOD .*\nit's secret\n$/);
    });
  }

  it('gives `env` through a pipe as TazPod prints it', () => {
    expect(shell('tazpod env | cat', {env: ghost()}).stdout).to.equal('TAZPOD a word env\n');
  });

  const prompts = 'eval "$PROMPT_COMMAND"; eval "$PROMPT_COMMAND"; printf "%s" "$PS1"';

  it('marks a plain prompt inside, once', () => {
    const plain = {before: "PS1='$ '"};
    expect(shell(prompts, {...plain, env: ghost()}).stdout).to.equal('👻 $ ');
    expect(shell('printf "%s" "$PS1"', plain).stdout).to.equal('$ ');
    expect(shell(prompts, {...plain, env: {...ghost(), LANG: 'C'}}).stdout).to.equal('(ghost) $ ');
    expect(shell(prompts, {...plain, env: {...ghost(), TAZPOD_PROMPT_MARK: '# '}}).stdout).to.equal('# $ ');
    const none = {...plain, env: {...ghost(), TAZPOD_PROMPT_MARK: ''}};
    expect(shell('printf "%s" "$PS1"', none).stdout).to.equal('$ ');
  });

  // As Starship does: it makes the prompt before each one, and calls what stood in PROMPT_COMMAND before that.
  const starship = `made() { eval "\${STARSHIP_PROMPT_COMMAND-}"; PS1='star '; }
STARSHIP_PROMPT_COMMAND="$PROMPT_COMMAND"; PROMPT_COMMAND=made`;

  it('marks a prompt that is made before each one, wherever in the start-up file that is set', () => {
    expect(shell(prompts, {env: ghost(), before: starship}).stdout).to.equal('👻 star ');
    expect(shell(prompts, {env: ghost(), after: starship}).stdout).to.equal('👻 star ');
  });

  it('keeps the commands that stood before the prompt, as a text and as a list, and the exit code', () => {
    const text = {env: ghost(), before: "PROMPT_COMMAND='echo one;'"};
    expect(shell('false; eval "$PROMPT_COMMAND"', text).stdout).to.equal('one\n');
    const list = {env: ghost(), before: "PROMPT_COMMAND=('echo one' 'echo two')"};
    expect(shell('for c in "${PROMPT_COMMAND[@]}"; do eval "$c"; done', list).stdout).to.equal('one\ntwo\n');
    expect(shell('(exit 3); __tazpod_prompt; echo $?', {env: ghost()}).stdout).to.equal('3\n');
  });

  it('works where unset variables and failing commands end a script', () => {
    const strict = {env: {...ghost(), TOKEN: ''}, before: 'set -eu'};
    expect(shell('tazpod status; echo well', strict).stdout).to.match(/well\n$/);
  });

  const complete = (...words: string[]) => {
    const list = words.map((word) => quote(word)).join(' ');
    const script = `COMP_WORDS=(${list}); COMP_CWORD=${words.length - 1}; __tazpod_complete; echo "\${COMPREPLY[*]}"`;
    return shell(script).stdout.trim();
  };

  it('completes commands and their flags', () => {
    expect(complete('tazpod', 'un')).to.equal('unlock');
    expect(complete('tazpod', 'v')).to.equal('vault');
    expect(complete('tazpod', 'vault', '')).to.equal('lock');
    expect(complete('tazpod', 'unlock', '--')).to.equal('--image --json');
    expect(complete('tazpod', 'vault', 'lock', '--g')).to.equal('--grace');
    expect(complete('tazpod', 'exec', '--', 'l')).to.equal('');
  });

  describe('after a ghost', () => {
    /** What a shell says that goes on living after a command of TazPod's, which ends with `code`. */
    function afterwards(command: string, {code = 0, flags = ['-i'], first = true, before = ''} = {}): string {
      const file = join(folder, 'snippet-after');
      writeFileSync(file, bash.renderSnippet({...input, tazpod: ['sh', '-c', `exit ${code}`, 'sh']}));
      const lines = join(folder, 'lines');
      writeFileSync(lines, `. ${quote(file)}\n${before}\n${command}\necho alive $?\n`);
      const words = ['bash', '--noprofile', '--norc', ...flags, '-c', `. ${quote(lines)}`];
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
      expect(afterwards('tazpod unlock', {before: 'TAZPOD_STAY=1'})).to.equal('alive 0\n');
      expect(afterwards('tazpod unlock', {first: false})).to.equal('alive 0\n');
      expect(afterwards('tazpod unlock', {flags: []})).to.equal('alive 0\n');
    });
  });

  it('starts no process when a shell starts', () => {
    const count = (env: object, source: boolean) => {
      const start = source ? `. ${quote(snippet)}` : 'true';
      const {stderr} = spawnSync(
        'strace',
        ['-f', '-q', '-e', 'trace=process', '-e', 'signal=none', 'bash', '--noprofile', '--norc', '-i', '-c', start],
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
  return text.replace(/^bash: (cannot set terminal|no job control).*\n/gm, '');
}
