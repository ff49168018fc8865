import type {BackendError} from 'tazpod/contract';

type Details = BackendError['tazpod'];

/** An error that the core tells the user in these words. */
export function failure(kind: Details['kind'], what: string, more: Pick<Details, 'why' | 'next'> = {}): BackendError {
  return Object.assign(new Error(what), {tazpod: {kind, what, ...more}});
}
