import {expect} from 'chai';
import {fromHome, isBelow, isWithin} from '../../src/foundation/path-within.ts';

describe('A path and a directory', () => {
  const cases: [path: string, directory: string, where: 'below' | 'same' | 'elsewhere'][] = [
    ['/home/u/secrets', '/home/u', 'below'],
    ['/home/u', '/home/u', 'same'],
    ['/home/user', '/home/u', 'elsewhere'],
    ['/home', '/home/u', 'elsewhere'],
    ['/home', '/', 'below'],
    ['/', '/', 'same'],
    ['projects/a', 'projects', 'below'],
  ];

  for (const [path, directory, where] of cases) {
    it(`${path} is ${where}, seen from ${directory}`, () => {
      expect(isBelow(path, directory)).to.equal(where === 'below');
      expect(isWithin(path, directory)).to.equal(where !== 'elsewhere');
    });
  }

  it('of the home is written with a tilde, except where the home is everything', () => {
    expect(fromHome('/home/u/secrets', '/home/u')).to.equal('~/secrets');
    expect(fromHome('/home/u', '/home/u')).to.equal('~');
    expect(fromHome('/home/user', '/home/u')).to.equal('/home/user');
    expect(fromHome('/secrets', '/')).to.equal('/secrets');
  });
});
