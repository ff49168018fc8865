import {exitCode} from '../foundation/exit-code.ts';
import {Failure} from '../foundation/failure.ts';

export function notConfinedHere(stderr: Buffer): Failure {
  return new Failure(exitCode.unavailable, 'The kernel does not let TazPod confine a program.', {
    why: 'It needs mount, PID, IPC and network namespaces, and mounts in them.',
    next: 'tazpod doctor',
    cause: stderr.toString('latin1'),
  });
}
