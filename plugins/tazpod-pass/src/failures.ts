import type {BackendError} from 'tazpod/contract';
import {failure} from '../../../plugin-kit/failure.ts';
import {quoted} from '../../../plugin-kit/quoted.ts';

export function invalidSettings(problems: readonly string[]): BackendError {
  return failure('settings', 'The settings for pass in secrets.yml are invalid.', {
    why: problems.join(' '),
    next: 'tazpod secrets check',
  });
}

// The programs

export function cannotBeRun(program: string, code: string | undefined): BackendError {
  return failure('unavailable', `The program ${program} cannot be run.`, {
    why: code === 'ENOENT' ? 'It is not in PATH.' : 'The system refuses to start it.',
    next: `apt-get install ${program === 'gpg' ? 'gnupg' : program}`,
  });
}

export function timedOut(program: string, timeoutMs: number): BackendError {
  return failure('unreachable', `${program} did not answer within ${timeoutMs / 1000} s.`, {
    next: 'Try it by hand, or use a longer --timeout.',
  });
}

export function cancelled(program: string): BackendError {
  return failure('unreachable', `${program} was stopped: the request was cancelled.`);
}

export function fileTooLarge(): BackendError {
  return failure('unavailable', 'A file of the password store is larger than 16 MiB.');
}

export function noGpg(): BackendError {
  return failure('unavailable', 'The program gpg, which pass needs, cannot be run.', {
    next: 'apt-get install gnupg',
  });
}

export function noAgent(): BackendError {
  return failure('unavailable', 'The agent of gpg, which keeps the keys, cannot be reached.', {
    next: 'gpg-connect-agent /bye',
  });
}

// The store

export function noStore(store: string): BackendError {
  return failure('unavailable', `There is no password store at ${quoted(store)}.`, {
    why: 'The home directory may differ in the vault: set store in secrets.yml.',
    next: 'pass init GPG-ID',
  });
}

export function invalidPath(path: string): BackendError {
  return failure('settings', `The path ${quoted(path)} is not valid for pass.`, {
    why: 'A path in a password store cannot contain "." or "..".',
    next: 'Check path in secrets.yml.',
  });
}

export function noSuchDirectory(parts: readonly string[]): BackendError {
  return failure('not-found', `The password store has no directory ${quoted(`/${parts.join('/')}`)}.`, {
    next: 'pass ls',
  });
}

export function storeEmpty(): BackendError {
  return failure('not-found', 'The password store is empty.', {next: 'pass ls'});
}

export function noneOfSecrets(): BackendError {
  return failure('not-found', 'The password store has none of the secrets in secrets.yml.', {next: 'pass ls'});
}

// A secret

export function keyLocked(recipient: string, backend: string): BackendError {
  return failure('not-logged-in', `The key for ${recipient} is locked: gpg has to ask for its passphrase.`, {
    why: 'The agent of gpg does not have it, or no longer; if the key is on a card, the card may be missing.',
    next: `tazpod login ${backend}`,
  });
}

export function keyMissing(name: string, recipient: string): BackendError {
  return failure('no-permission', `The secret key for ${name} is missing.`, {
    why: `It was encrypted for ${recipient}.`,
    next: 'gpg --import KEY-FILE',
  });
}

export function notEncrypted(name: string): BackendError {
  return failure('not-found', `The file of ${name} is not encrypted with gpg.`, {next: `pass edit ${name}`});
}

export function disappeared(name: string): BackendError {
  return failure('not-found', `${name} has just disappeared from the password store.`, {next: 'pass ls'});
}

export function notShown(name: string, code: number | undefined): BackendError {
  return failure('unavailable', `pass could not show ${name}: it ended with ${code ?? 'a signal'}.`, {
    next: `pass show ${name}`,
  });
}
