import {expect} from 'chai';
import {describeShell} from '../../../test/bed/shell-plugin.ts';
import zsh, {quote} from '../src/shell.ts';

const made = 'for f in $precmd_functions; do $f; done';
const secondPrompt = `${made}; ${made}; print -rn -- "$PROMPT"`;
const plainPrompt = "PROMPT='> '";

describeShell(
  {
    title: 'Zsh',
    plugin: zsh,
    quote,
    words: ['zsh', '-f'],
    noise: /^zsh: .*\n/gm,
    lastStatus: '$?',
    environmentFile: {name: 'environment.sh', content: `export TOKEN='it'\\''s secret'\n`},
    unsetToken: 'unset TOKEN',
    stay: 'TAZPOD_STAY=1',
    alias: (name) => `alias ${name}='${name} '`,
    kindOf: (name) => `whence -w ${name}`,
    publicFunctions: 'for name in ${(k)functions}; do [[ $name == _* ]] || functions $name; done',
    plainPrompt,
    secondPrompt,
    history: {home: '.zsh_history', vault: '.tazpod/history-zsh'},
  },
  ({ghost, shell}) => {
    it('shows a percent sign in the mark as it is', () => {
      const env = {...ghost(), TAZPOD_PROMPT_MARK: '50% '};
      expect(shell(secondPrompt, {before: plainPrompt, env}).stdout).to.equal('50%% > ');
    });

    it('marks a prompt that is made before each one, wherever in the start-up file that is set', () => {
      const theme = "theme() { PROMPT='theme '; }; precmd_functions+=(theme)";
      expect(shell(secondPrompt, {env: ghost(), before: theme}).stdout).to.equal('👻 theme ');
      expect(shell(secondPrompt, {env: ghost(), after: theme}).stdout).to.equal('👻 theme ');
    });

    it('keeps the exit code for the prompt', () => {
      expect(shell('(exit 3); __tazpod_prompt; print $?', {env: ghost()}).stdout).to.equal('3\n');
    });

    it('works with options that change the language', () => {
      for (const option of ['sh_word_split', 'ksh_arrays', 'no_unset', 'glob_subst', 'extended_glob']) {
        const {stdout, stderr} = shell("tazpod status 'two words'; print well", {
          before: `setopt ${option}`,
          env: ghost(),
        });
        expect(stdout, `${option}: ${stderr}`).to.equal('TAZPOD a word status two words\nwell\n');
      }
    });
  },
);
