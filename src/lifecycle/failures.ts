import {exitCode} from '../foundation/exit-code.ts';
import {Failure} from '../foundation/failure.ts';

/** Why a vault is not opened at a path at which another one is open, whose image is somewhere else by now. */
export function displaced(): Failure {
  return new Failure(exitCode.busy, 'The file at this path is no longer the vault that is open here.', {
    why: 'Its image was moved, removed or replaced while it was open. Opening the file that is there now would hide that.',
    next: 'tazpod vault lock',
  });
}

/**
 * Why a session does not join a ghost that can write where it was asked for one that cannot, or the other way round:
 * nobody gets more, or less, than was asked for. `openReadOnly` is how the vault is open.
 */
export function openInOtherMode(openReadOnly: true | undefined): Failure {
  return openReadOnly
    ? new Failure(exitCode.busy, 'The vault is open read-only.', {
        why: 'One of your ghosts has it open, and no session in it can write. --read-only joins it.',
        next: 'tazpod vault lock',
      })
    : new Failure(exitCode.busy, 'The vault is open for writing.', {
        why: 'One of your ghosts has it open, and a session in it could write. Without --read-only you can join it.',
        next: 'tazpod vault lock',
      });
}
