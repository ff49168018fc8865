import {expect} from 'chai';
import {describeShell} from '../../../test/bed/shell-plugin.ts';
import fish, {quote} from '../src/shell.ts';

describeShell(
  {
    title: 'fish',
    plugin: fish,
    quote,
    words: ['fish', '--no-config'],
    noise: /^fish: .*\n/gm,
    lastStatus: '$status',
    environmentFile: {name: 'environment.fish', content: `set -gx TOKEN 'it\\'s secret'\n`},
    unsetToken: 'set -e TOKEN',
    stay: 'set -g TAZPOD_STAY 1',
    kindOf: (name) => `type -t ${name}`,
    publicFunctions: 'for name in tazpod gemini; functions $name; end',
    plainPrompt: "function fish_prompt; echo -n '> '; end",
    secondPrompt: 'emit fish_prompt; emit fish_prompt; fish_prompt',
  },
  ({ghost, shell}) => {
    it('marks a prompt that is made later in the start-up file, and shows it the exit code', () => {
      const theme = 'function fish_prompt; echo -n "theme $status "; end';
      const {stdout} = shell('emit fish_prompt; false; fish_prompt', {env: ghost(), after: theme});
      expect(stdout).to.equal('👻 theme 1 ');
    });

    it('completes commands with what they do, and flags', () => {
      expect(shell("complete -C 'tazpod un'").stdout).to.equal('unlock\tOpen\n');
      expect(shell("complete -C 'tazpod vault '").stdout).to.equal('lock\tClose\n');
      expect(shell("complete -C 'tazpod unlock --i'").stdout).to.equal('--image\n');
    });
  },
);
