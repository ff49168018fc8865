import {expect} from 'chai';
import fc from 'fast-check';
import {spawnSync} from 'node:child_process';
import {quoteUntrusted, shellWord} from '../../src/luks/untrusted-text.ts';

describe('Text of an untrusted file in a message', () => {
  it('is quoted, short and printable for any bytes', () => {
    fc.assert(
      fc.property(fc.string({unit: 'binary', maxLength: 200}), (text) => {
        const quoted = quoteUntrusted(text);
        expect(quoted).to.match(/^"[\x20-\x7e…]*"$/);
        expect(quoted.length).to.be.below(40 * 12 + 4);
      }),
    );
  });

  it('cannot steer a terminal', () => {
    expect(quoteUntrusted('\x1b[2J\x9b1m\u202e')).to.equal('"\\u001b[2J\\u009b1m\\u202e"');
    expect(quoteUntrusted('aes-xts-plain64')).to.equal('"aes-xts-plain64"');
  });

  it('is cut where it is too long', () => {
    expect(quoteUntrusted('x'.repeat(100), 5)).to.equal('"xxxxx…"');
  });
});

describe('A path in a command to type', () => {
  it('is left alone where it can be', () => {
    expect(shellWord('/home/u/work-1/.tazpod-vault/vault.img')).to.equal('/home/u/work-1/.tazpod-vault/vault.img');
    expect(shellWord("/home/u/it's März/vault.img")).to.equal(`'/home/u/it'\\''s März/vault.img'`);
    expect(shellWord('a\nb\x1b[2J')).to.equal("$'a\\x0ab\\x1b[2J'");
  });

  it('is that path to the shell for any bytes', () => {
    const path = fc.string({unit: 'binary', minLength: 1, maxLength: 40}).filter((text) => !text.includes('\0'));
    const words = fc.sample(path, 300);
    const command = `printf '%s\\0' ${words.map(shellWord).join(' ')}`;
    const {stdout} = spawnSync('/bin/bash', ['-c', command], {env: {LC_ALL: 'C.UTF-8'}});
    expect(stdout.toString().split('\0').slice(0, -1)).to.deep.equal(words.map((word) => word.toWellFormed()));
    expect(words.map(shellWord).join('')).not.to.match(/\p{Cc}/u);
  });
});
