import {expect} from 'chai';
import {describeAge} from '../../src/foundation/age.ts';
import {count} from '../../src/foundation/count.ts';

describe('Numbers for people', () => {
  it('have a noun in the singular or in the plural', () => {
    expect(count(1, 'file')).to.equal('1 file');
    expect(count(0, 'file')).to.equal('0 files');
    expect(count(2, 'entry', 'entries')).to.equal('2 entries');
  });

  it('say how long ago something was, in the largest unit that fits', () => {
    const now = new Date('2026-01-02T12:00:00Z');
    const ago = (seconds: number) => describeAge(new Date(now.getTime() - seconds * 1000), now);
    expect([0, 59, 60, 3599, 3600, 86_399, 86_400, 864_000].map(ago)).to.deep.equal([
      'just now',
      'just now',
      '1 minute ago',
      '59 minutes ago',
      '1 hour ago',
      '23 hours ago',
      '1 day ago',
      '10 days ago',
    ]);
  });
});
