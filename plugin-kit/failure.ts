import type {BackendError} from 'tazpod/contract';

/** An error that the core shows to the user in these words. No text may hold a secret. */
export function failure(
  kind: BackendError['tazpod']['kind'],
  what: string,
  more: {readonly why?: string; readonly next?: string} = {},
): BackendError {
  return Object.assign(new Error(what), {tazpod: {kind, what, ...more}});
}
