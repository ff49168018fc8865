import {exitCode} from './exit-code.ts';
import {Failure} from './failure.ts';

/** Why a vault is not opened at a path at which another one is open, whose image is somewhere else by now. */
export function displaced(): Failure {
  return new Failure(exitCode.busy, 'The file at this path is no longer the vault that is open here.', {
    why: 'Its image was moved, removed or replaced while it was open. Opening the file that is there now would hide that.',
    next: 'tazpod vault status, then tazpod vault lock',
  });
}
