import type {VaultRequest} from '../vault/open-request.ts';
import type {Verified} from '../vault/verify-copy.ts';
import {BaseCommand} from './base-command.ts';

/** What the commands that copy an image share. */
export abstract class CopyCommand<T> extends BaseCommand<T> {
  /** How the copy is opened: with a key that was named or can be asked for; undefined if it is not opened. */
  protected openCopyWith(open: boolean, request: VaultRequest): VaultRequest | undefined {
    if (!open) return undefined;
    if (request.key.from !== 'terminal' || this.canAsk()) return request;
    this.remark('The copy is compared but not opened: no key was given. --passphrase-file FILE opens it.');
    return undefined;
  }

  /** A sentence on what was verified. */
  protected describeVerified(verified: readonly Verified[]): string {
    return verified.includes('opened')
      ? 'Verified: its SHA-256 is that of the original, and it was opened.'
      : 'Verified: its SHA-256 is that of the original, and its header is sound. It was not opened.';
  }
}
