import {exitCode} from '../foundation/exit-code.ts';
import {Failure} from '../foundation/failure.ts';

export function notInstalled(name: string, debianPackage: string): Failure {
  return new Failure(exitCode.unavailable, `The program ${name} is not installed.`, {
    next: `apt-get install ${debianPackage}`,
  });
}

export function terminalUnreadable(): Failure {
  return new Failure(exitCode.unavailable, 'The settings of the terminal cannot be read.');
}

export function noFileLocks(stderr: Buffer): Failure {
  return new Failure(exitCode.unavailable, 'The image cannot be locked.', {
    why: 'Its file system has no working flock(2).',
    cause: stderr.toString(),
  });
}
