import type {Context} from 'mocha';
import {skip} from '../skip.ts';
import {allowSudo} from './install.ts';
import {type BedUser, makeUser} from './user.ts';

/** Skips where the bed cannot be made. The reason says what to do, since root is seldom what is missing. */
export function needsRoot(context: Context): void {
  if (process.getuid!() !== 0) skip(context, 'only root can make the users that these tests run as: sudo npm test');
}

/** A user who may run the privileged half of the product by sudo, and nothing else. */
export function makeOwner(options: Parameters<typeof makeUser>[0] = {}): BedUser {
  const owner = makeUser(options);
  allowSudo(owner);
  return owner;
}
