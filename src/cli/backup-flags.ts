import {Flags} from '@oclif/core';
import {imageFlags, keyFlags, openFlags} from './vault-flags.ts';

/** What `vault backup` and `vault restore` share. */
export const backupFlags = {
  ...imageFlags,
  ...keyFlags,
  ...openFlags,
  header: Flags.boolean({description: 'copy only the header with its key slots, 16 MiB at most'}),
  open: Flags.boolean({
    allowNo: true,
    default: true,
    description: 'open the copy once to prove that it works; --no-open compares it only',
  }),
};
