import {expect} from 'chai';
import {describeLeftBehind} from '../../src/vault/left-behind.ts';

describe('The sentence on programs that a session has left behind', () => {
  it('counts them, names each kind once, and not more than five kinds', () => {
    expect(describeLeftBehind(['sleep'])).to.deep.equal([
      '1 program of this session was still running and was ended: sleep.',
    ]);
    expect(describeLeftBehind(['sleep', 'node', 'sleep'])).to.deep.equal([
      '3 programs of this session were still running and were ended: sleep (2), node.',
    ]);
    expect(describeLeftBehind(['a', 'b', 'c', 'd', 'e', 'f', 'g'])).to.deep.equal([
      '7 programs of this session were still running and were ended: a, b, c, d, e and 2 more.',
    ]);
  });

  it('says nothing of agents that programs start by themselves', () => {
    expect(describeLeftBehind(['gpg-agent', 'ssh-agent'])).to.deep.equal([]);
    expect(describeLeftBehind(['gpg-agent', 'sleep'])[0]).to.match(/^1 program .*: sleep\.$/);
  });

  it('shows no character of a name that could paint on a terminal, and no name in full that is long', () => {
    const [sentence = ''] = describeLeftBehind(['\u001b[2J\r\nerror: gone', 'x'.repeat(4000)]);
    expect(sentence).to.contain('\\u{1b}[2J\\u{d}\\u{a}error: gone, xxx');
    expect(sentence).to.not.match(/\p{C}/u);
    expect(sentence.length).to.be.lessThan(200);
  });
});
