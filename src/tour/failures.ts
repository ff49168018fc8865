import {exitCode, type ExitCode} from '../foundation/exit-code.ts';
import {Failure} from '../foundation/failure.ts';

export function tourNotFinished(code: ExitCode = exitCode.software): Failure {
  return new Failure(code, 'The tour’s session did not finish.', {next: 'tazpod doctor'});
}
