import {expect} from 'chai';
import {forGivenVault, givenVault} from '../../src/vault/given-image.ts';

describe('The vault of a command line', () => {
  it('is found in each spelling, and not behind "--"', () => {
    for (const words of [
      ['--image', 'a'],
      ['--image=a'],
      ['-i', 'a'],
      ['-ia'],
      ['-i=a'],
      ['x', '-i', 'a', '--', 'b'],
    ]) {
      expect(givenVault(words), words.join(' ')).to.deep.equal(['--image', 'a']);
    }
    for (const words of [
      ['--vault', 'a'],
      ['--vault=a', '--', '-i', 'b'],
    ]) {
      expect(givenVault(words), words.join(' ')).to.deep.equal(['--vault', 'a']);
    }
    for (const words of [[], ['--vault'], ['--', '--image', 'a'], ['--images', 'a'], ['--image']]) {
      expect(givenVault(words), words.join(' ')).to.equal(undefined);
    }
  });

  const takesImage = (words: string) => ['unlock', 'vault create', 'lock', 'vault status'].includes(words);
  const next = (command: string, image = '/a b') => forGivenVault(command, ['--image', image], takesImage);

  it('comes into a next command that takes one, right behind its name', () => {
    expect(next('tazpod vault create --size SIZE')).to.equal("tazpod vault create --image '/a b' --size SIZE");
    expect(next('SHELL=/bin/bash tazpod unlock', '/x')).to.equal('SHELL=/bin/bash tazpod unlock --image /x');
  });

  it('comes by its name where it was named', () => {
    expect(forGivenVault('tazpod unlock', ['--vault', 'work'], takesImage)).to.equal('tazpod unlock --vault work');
  });

  it('leaves every other next command as it is', () => {
    for (const command of [
      'tazpod doctor',
      'tazpod vault list',
      'tazpod unlock --image /other',
      'tazpod pull, or tazpod unlock',
      'sudo --list',
      'exit',
    ]) {
      expect(next(command)).to.equal(command);
    }
    expect(forGivenVault('tazpod unlock', [], takesImage)).to.equal('tazpod unlock');
  });
});
