import {expect} from 'chai';
import fc from 'fast-check';
import {isOlder} from '../../src/doctor/version.ts';

describe('a version', () => {
  it('is compared number by number', () => {
    expect(isOlder('22.9.0', '22.15')).to.equal(true);
    expect(isOlder('22.15.0', '22.15')).to.equal(false);
    expect(isOlder('2.38.1', '2.38')).to.equal(false);
    expect(isOlder('2', '2.4')).to.equal(true);
    expect(isOlder('3', '2.4')).to.equal(false);
    expect(isOlder('1.47.0-rc1', '1.47.0')).to.equal(false);
    expect(isOlder('', '0.1')).to.equal(true);
  });

  it('is never older than itself, and of two different ones one is older', () => {
    const version = fc.array(fc.nat(99), {minLength: 3, maxLength: 3}).map((parts) => parts.join('.'));
    fc.assert(
      fc.property(version, version, (one, other) => {
        expect(isOlder(one, one)).to.equal(false);
        if (one !== other) expect(isOlder(one, other)).to.equal(!isOlder(other, one));
      }),
    );
  });
});
