import type {BackendError} from 'tazpod/contract';
import {failure} from '../../../plugin-kit/failure.ts';

/** How many values in doubt a message names. */
const shownPlaces = 8;

export function invalidSettings(faults: readonly string[]): BackendError {
  return failure('settings', faults.join(' '), {next: 'tazpod secrets check'});
}

export function noSuchFile(files: readonly string[]): BackendError {
  return failure('not-found', `There is no ${files.join(', nor ')}.`);
}

export function fileGone(files: readonly string[]): BackendError {
  return failure('not-found', `There is no ${files.join(', nor ')}.`, {
    why: 'Its secrets would be removed from the vault.',
    next: 'remove it from secrets.yml, restore it, or write {file: PATH, optional: true} if it was never there',
  });
}

export function notRegular(file: string): BackendError {
  return failure('unavailable', `${file} is not a regular file.`);
}

export function tooLarge(file: string): BackendError {
  return failure('unavailable', `${file} is too large for a .env file.`);
}

export function unreadable(file: string): BackendError {
  return failure('unavailable', `${file} cannot be read.`);
}

export function invalidLine(file: string, line: number, fault: string): BackendError {
  return failure('unavailable', `Line ${line} of ${file} ${fault}.`, {
    why: 'TazPod does not skip lines: each may be a secret.',
  });
}

/** `places` say where such a value is and why. */
export function valuesInDoubt(places: readonly string[], readers: readonly string[]): BackendError {
  const shown = places.slice(0, shownPlaces).join('; ');
  const more = places.length > shownPlaces ? `; and ${places.length - shownPlaces} more` : '';
  const what = `${places.length === 1 ? 'A line has' : `${places.length} lines have`} a value that ${readers.join(', ')} read differently.`;
  return failure('unavailable', what, {
    why: `${shown}${more}. Nothing was changed.`,
    next: `write NAME='value', or list the readers that you use in secrets.yml: readers: [dotenv, node]`,
  });
}
