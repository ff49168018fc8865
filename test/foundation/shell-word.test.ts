import {expect} from 'chai';
import fc from 'fast-check';
import {spawnSync} from 'node:child_process';
import {quotedWord, shellWord} from '../../src/foundation/shell-word.ts';

describe('A word of a command to type', () => {
  it('stays as it is where it can', () => {
    expect(shellWord('/home/u/work-1/.tazpod-vault/vault.img')).to.equal('/home/u/work-1/.tazpod-vault/vault.img');
    expect(shellWord('HEAD~1')).to.equal('HEAD~1');
    expect(shellWord("/home/u/it's März/vault.img")).to.equal(`'/home/u/it'\\''s März/vault.img'`);
    expect(shellWord('a\nb\x1b[2J')).to.equal("$'a\\x0ab\\x1b[2J'");
  });

  it('is quoted if it begins with a tilde, which the shell would take for a home', () => {
    expect(shellWord('~/vault.img')).to.equal("'~/vault.img'");
  });

  it('is that word to bash for any bytes', () => {
    const anything = fc.string({unit: 'binary', minLength: 1, maxLength: 40}).filter((text) => !text.includes('\0'));
    const words = fc.sample(anything, 300);
    const command = `printf '%s\\0' ${words.map(shellWord).join(' ')}`;
    const {stdout} = spawnSync('/bin/bash', ['-c', command], {env: {LC_ALL: 'C.UTF-8'}});
    expect(stdout.toString().split('\0').slice(0, -1)).to.deep.equal(words.map((word) => word.toWellFormed()));
    expect(words.map(shellWord).join('')).not.to.match(/\p{Cc}/u);
  });
});

describe('A word in shell code', () => {
  it('is that word to sh for any bytes', () => {
    const words = fc.sample(fc.string({unit: 'grapheme', maxLength: 40}), 300).filter((text) => !text.includes('\0'));
    const {stdout} = spawnSync('/bin/sh', ['-c', `printf '%s\\0' ${words.map(quotedWord).join(' ')}`]);
    expect(stdout.toString().split('\0').slice(0, -1)).to.deep.equal(words);
  });
});
