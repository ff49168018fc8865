import type {ProgramResult} from '../kernel/program.ts';
import {exitCode} from '../foundation/exit-code.ts';
import {Failure} from '../foundation/failure.ts';
import type {Refusal} from './refusal.ts';
import {quoteUntrusted} from './untrusted-text.ts';

/** What the header of an image is refused for. */
export function imageRefused({exitCode: code, what, ...details}: Refusal): Failure {
  return new Failure(code, what, details);
}

export function keySlotCutShort(): Failure {
  return new Failure(exitCode.data, 'This image ends in the middle of a key slot.');
}

export function unusablePassphraseSize(): Failure {
  return new Failure(exitCode.usage, 'A vault needs a passphrase of at least 1 byte and at most 8 MiB.');
}

export function tooLittleMemory(need: string, limitKiB: number, option: string): Failure {
  return new Failure(exitCode.unavailable, 'Not enough memory for the key derivation.', {
    why: `${need}, and this process may use ${inMiB(limitKiB)}.`,
    next: `tazpod vault create ${option}`,
  });
}

export function inMiB(kibibytes: number): string {
  return `${Math.floor(kibibytes / 1024)} MiB`;
}

export function noPrivatePipe(): Failure {
  return new Failure(exitCode.software, 'A pipe could not be created in the private directory.');
}

export function unknownCryptsetup(): Failure {
  return new Failure(exitCode.unavailable, 'TazPod does not understand the output of this version of cryptsetup.', {
    next: 'cryptsetup --version',
  });
}

/** Exit codes: `cryptsetup(8)`, "Return codes". */
export function cryptsetupFailed(
  call: ProgramResult & {readonly timedOutAfterMs: number | undefined},
  task: string,
  otherwise: 69 | 73,
): Failure {
  if (call.timedOutAfterMs !== undefined) {
    return new Failure(exitCode.unavailable, `cryptsetup timed out, and could not ${task}.`, {
      why: `TazPod stopped it after ${Math.round(call.timedOutAfterMs / 1000)} seconds.`,
    });
  }
  if (call.code === 3 || call.signal === 'SIGKILL') {
    return new Failure(exitCode.unavailable, `There is not enough memory to ${task}.`, {
      why: call.code === 3 ? 'cryptsetup could not allocate it.' : 'The kernel killed cryptsetup.',
      next: 'Give more memory, or use a key slot with a smaller --pbkdf-memory.',
    });
  }
  const code = call.code === 5 ? exitCode.busy : otherwise;
  const said = call.stderr.toString('latin1').trim().split('\n').at(-1) ?? '';
  return new Failure(code, `cryptsetup could not ${task}.`, {
    why: said === '' ? `It ended with ${call.code ?? call.signal}.` : `It said: ${quoteUntrusted(said, 160)}`,
  });
}

export function noRoomForKeyslot(): Failure {
  return new Failure(exitCode.cannotCreate, 'The header of this image has no room for another key slot.', {
    next: 'tazpod vault key list',
  });
}

export function headerChangedMeanwhile(): Failure {
  return new Failure(exitCode.busy, 'Another program has changed the LUKS header of this image.', {
    why: 'TazPod has written nothing.',
    next: 'run the command again',
  });
}

export function headerNotProven(): Failure {
  return new Failure(exitCode.software, 'The changed LUKS header does not open with the keys that it should.', {
    why: 'TazPod tries a changed header before it writes it, and has written nothing.',
    next: 'run the command again with --debug and report it',
  });
}

export function headerTooSmall(): Failure {
  return new Failure(exitCode.cannotCreate, 'The header of this image has no room for more metadata.', {
    next: 'tazpod vault key list',
  });
}

export function headerNotChanged(cause: unknown): Failure {
  return new Failure(exitCode.ioError, 'The disk refused to write the LUKS header.', {
    why: 'Either the old keys or the new ones open the vault.',
    next: 'tazpod vault key list',
    cause,
  });
}

export function headerNotWritten(cause: unknown): Failure {
  return new Failure(exitCode.cannotCreate, 'The LUKS header could not be written.', {
    why: 'The disk of the image refused it.',
    next: 'df -h',
    cause,
  });
}
