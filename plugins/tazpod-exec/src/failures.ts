import type {BackendError} from 'tazpod/contract';
import {failure} from '../../../plugin-kit/failure.ts';

type Details = BackendError['tazpod'];

export function invalidSettings(faults: readonly string[]): BackendError {
  return failure('settings', faults.join(' '), {next: 'tazpod secrets check'});
}

export function notStarted(program: string, code: string | undefined): BackendError {
  const reasons: Readonly<Record<string, string>> = {
    ENOENT: 'It does not exist, or the program in its first line does not.',
    EACCES: 'It is not executable.',
    ENOEXEC: 'It is not a program: a script needs a first line such as #!/bin/sh.',
  };
  return failure('unavailable', `${JSON.stringify(program)} cannot be started.`, {
    why: reasons[code ?? ''] ?? `The kernel returned ${code ?? 'an error'}.`,
    ...(code === 'EACCES' ? {next: `chmod +x ${program}`} : {}),
  });
}

export function timedOut(name: string, timeoutMs: number): BackendError {
  return failure('unreachable', `The program of the backend ${name} did not answer within ${timeoutMs / 1000} s.`, {
    next: 'try again, with a longer --timeout if it needs one',
  });
}

export function cancelled(name: string): BackendError {
  return failure('unreachable', `The program of the backend ${name} was stopped: the request was cancelled.`);
}

export function tooMuchOutput(name: string): BackendError {
  return failure('unavailable', `The program of the backend ${name} printed too much output.`);
}

export function programFailed(name: string, code: number): BackendError {
  return failure('unavailable', `The program of the backend ${name} ended with ${code}.`, {
    why: 'Its message is on standard error.',
  });
}

export function againstProtocol(name: string, why: string): BackendError {
  return failure('unavailable', `The program of the backend ${name} does not follow the protocol.`, {
    why,
    next: 'the README.md of tazpod-exec has the protocol',
  });
}

/** What the program itself reports. */
export function toldByProgram(
  name: string,
  kind: Details['kind'],
  {what = `The program of the backend ${name} refuses.`, ...more}: Partial<Pick<Details, 'what' | 'why' | 'next'>>,
): BackendError {
  return failure(kind, what, more);
}
