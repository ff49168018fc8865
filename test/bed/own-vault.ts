import type {Context} from 'mocha';
import {expectNothingLeft} from './leftovers.ts';
import {makeOwner, needsRoot} from './owner.ts';
import type {BedUser} from './user.ts';
import {makeVault, type TestVault} from './vault.ts';

/** A vault of a suite's own, and a user who may open it. */
export type OwnVault = {readonly owner: BedUser; readonly vault: TestVault};

/** Makes both, or skips the suite where that is not possible. */
export async function ownVault(context: Context): Promise<OwnVault> {
  needsRoot(context);
  const owner = makeOwner();
  return {owner, vault: await makeVault(owner)};
}

/** Gives the suite that calls it both before its first test; after each one, nothing may be left of an open vault. */
export function withOwnVault(give: (own: OwnVault) => void): void {
  let own: OwnVault;
  before(async function () {
    own = await ownVault(this);
    give(own);
  });
  afterEach(() => expectNothingLeft(own.vault));
}
