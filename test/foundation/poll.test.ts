import {expect} from 'chai';
import {pollUntil} from '../../src/foundation/poll.ts';

describe('Waiting by asking again', () => {
  it('ends as soon as it is so, without a pause if it is so at once', async () => {
    let [asked, paused] = [0, 0];
    expect(
      await pollUntil(
        () => ++asked === 3,
        10_000,
        () => paused++,
      ),
    ).to.be.true;
    expect([asked, paused]).to.deep.equal([3, 2]);
    expect(
      await pollUntil(
        async () => true,
        0,
        () => paused++,
      ),
    ).to.be.true;
    expect(paused).to.equal(2);
  });

  it('asks at least once, and gives up after the time', async () => {
    let asked = 0;
    expect(await pollUntil(() => ++asked < 0, 0)).to.be.false;
    expect(asked).to.equal(1);
    const start = performance.now();
    expect(await pollUntil(() => false, 60)).to.be.false;
    expect(performance.now() - start).to.be.within(60, 5000);
  });
});
