import {expect} from 'chai';
import {describeShell} from '../../../test/bed/shell-plugin.ts';
import bash, {quote} from '../src/shell.ts';

const secondPrompt = 'eval "${PROMPT_COMMAND-}"; eval "${PROMPT_COMMAND-}"; printf "%s" "$PS1"';

describeShell(
  {
    title: 'Bash',
    plugin: bash,
    quote,
    words: ['bash', '--noprofile', '--norc'],
    noise: /^bash: (cannot set terminal|no job control).*\n/gm,
    lastStatus: '$?',
    environmentFile: {name: 'environment.sh', content: `export TOKEN='it'\\''s secret'\n`},
    unsetToken: 'unset TOKEN',
    stay: 'TAZPOD_STAY=1',
    alias: (name) => `alias ${name}='${name} '`,
    kindOf: (name) => `type -t ${name}`,
    publicFunctions: `for name in $(declare -F | cut -d' ' -f3 | grep -v '^_'); do declare -f "$name"; done`,
    plainPrompt: "PS1='> '",
    secondPrompt,
    history: {home: '.bash_history', vault: '.tazpod/history'},
  },
  ({ghost, shell}) => {
    it('names the jobs in the background at "exit", which end with the ghost', () => {
      expect(shell('shopt checkjobs', {env: ghost()}).stdout).to.match(/on$/m);
      expect(shell('shopt checkjobs').stdout).to.match(/off$/m);
    });

    // As Starship does: it makes the prompt before each one, and calls what stood in PROMPT_COMMAND before that.
    const starship = `made() { eval "\${STARSHIP_PROMPT_COMMAND-}"; PS1='star '; }
STARSHIP_PROMPT_COMMAND="$PROMPT_COMMAND"; PROMPT_COMMAND=made`;

    it('marks a prompt that is made before each one, wherever in the start-up file that is set', () => {
      expect(shell(secondPrompt, {env: ghost(), before: starship}).stdout).to.equal('👻 star ');
      expect(shell(secondPrompt, {env: ghost(), after: starship}).stdout).to.equal('👻 star ');
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
  },
);
