import {exitCode} from '../foundation/exit-code.ts';
import {Failure} from '../foundation/failure.ts';

export function notInRegistry(repository: string, failure: Failure): Failure {
  return new Failure(exitCode.noInput, 'The registry does not have TazPod.', {
    ...(failure.why === undefined ? {} : {why: failure.why}),
    next: `look at ${repository}/releases`,
    cause: failure,
  });
}
