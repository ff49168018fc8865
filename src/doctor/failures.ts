import {exitCode} from '../foundation/exit-code.ts';
import {Failure} from '../foundation/failure.ts';

export function noSudoersRule(): Failure {
  return new Failure(exitCode.noPermission, 'A sudoers rule would be unsafe or useless here.', {
    why: 'You can change the program, or sudo already runs it without a password.',
    next: 'tazpod doctor',
  });
}
