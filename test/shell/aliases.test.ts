import {mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {shadowingAliases} from '../../src/shell/aliases.ts';

describe('An alias of a latched command', () => {
  let home: string;

  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'tazpod-aliases-'));
  });

  afterEach(() => rmSync(home, {recursive: true}));

  const found = (shell: string) =>
    shadowingAliases(shell, ['claude'], home).map(({file, line}) => `${file.slice(home.length + 1)}:${line}`);

  for (const line of [
    "alias claude='claude --model x'",
    '  alias ll="ls -l" claude=claude',
    'if true; then alias claude=x; fi',
    'alias -- claude=x',
    'alias claude="IS_SANDBOX=1 claude"',
  ]) {
    it(`is found in a start-up file: ${line}`, () => {
      writeFileSync(join(home, '.bashrc'), `true\n${line}\n`);
      expect(found('/bin/bash')).to.deep.equal(['.bashrc:2']);
    });
  }

  for (const line of [
    "# alias claude='x'",
    "alias x='claude'",
    'alias claudette=x',
    'unalias claude',
    'alias claude',
  ]) {
    it(`is not seen in a line without one: ${line}`, () => {
      writeFileSync(join(home, '.bashrc'), `${line}\n`);
      expect(found('bash')).to.deep.equal([]);
    });
  }

  it('is found in files that the start-up files read, and in those of zsh and fish', () => {
    writeFileSync(join(home, '.bashrc'), 'if [ -f ~/.mine ]; then . ~/.mine; fi\n. ~/.bashrc\n');
    writeFileSync(join(home, '.mine'), 'alias claude=x\n');
    expect(found('bash')).to.deep.equal(['.mine:1']);
    writeFileSync(join(home, '.zshrc'), 'alias -g claude=x\n');
    expect(found('zsh')).to.deep.equal(['.zshrc:1']);
    mkdirSync(join(home, '.config/fish/conf.d'), {recursive: true});
    writeFileSync(join(home, '.config/fish/conf.d/a.fish'), "alias claude 'claude --x'\n");
    expect(found('fish')).to.deep.equal(['.config/fish/conf.d/a.fish:1']);
  });
});
