import {exitCode} from './exit-code.ts';
import {Failure} from './failure.ts';

/** Why a vault is not opened at a path at which another one is open, whose image is somewhere else by now. */
export function displaced(): Failure {
  return new Failure(exitCode.busy, 'The vault that is open here is not the file at this path any more.', {
    why: 'Its image was moved, removed or replaced while it was open; to open what is there now would hide that.',
    next: 'tazpod vault status, then tazpod vault lock',
  });
}
