import {dirname} from 'node:path';
import {exitCode} from '../foundation/exit-code.ts';
import {Failure} from '../foundation/failure.ts';

export function directoryNotCreated(path: string, code: string | undefined, cause: unknown): Failure {
  return new Failure(exitCode.cannotCreate, `The directory ${path} cannot be created.`, {
    why: code === 'EEXIST' ? 'Something else has that name.' : `The kernel returned ${code ?? 'an error'}.`,
    next: `ls -ld ${path}`,
    cause,
  });
}

export function fileNotWritten(path: string, cause: unknown): Failure {
  return new Failure(exitCode.cannotCreate, `${path} cannot be written.`, {
    why: `The kernel returned ${(cause as NodeJS.ErrnoException).code ?? 'an error'}.`,
    next: `ls -ld ${dirname(path)}`,
    cause,
  });
}
