import {expect} from 'chai';
import {needsRoot} from '../bed/owner.ts';
import {skip} from '../skip.ts';
import {whyNoMachine} from '../vm/machine.ts';
import {PowerCuts} from './power-cuts.ts';

/** `npm run test:power-cut` has fifty. */
const count = 2;

describe('When the power is cut', function () {
  this.timeout(1_800_000);

  before(function () {
    needsRoot(this);
    const reason = whyNoMachine();
    if (reason !== undefined) skip(this, reason);
  });

  it('every record that was synced is there after the reboot, whichever engine wrote it', async () => {
    const power = new PowerCuts();
    const lost: string[] = [];
    const left: string[] = [];
    for await (const cut of power.cuts(count)) {
      lost.push(...cut.lost);
      left.push(...cut.left);
    }
    power.close();
    expect({lost, left}).to.deep.equal({lost: [], left: []});
    expect(power.records).to.be.greaterThan(count);
  });
});
