import {readOpenVaults} from '../kernel/open-vaults.ts';

/** The mount point of the vault whose ghost this process lives in. Undefined outside. The kernel is asked, no variable. */
export function vaultHere(): {readonly mountPoint: string; readonly image: string} | undefined {
  return readOpenVaults().find(({init}) => init.pid === 1);
}
