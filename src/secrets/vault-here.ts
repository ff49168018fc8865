import {readOpenVaults, type RunningVault} from '../kernel/open-vaults.ts';

/** The mount point of the vault whose ghost this process lives in. Undefined outside. The kernel is asked, no variable. */
export function vaultHere(): RunningVault | undefined {
  return readOpenVaults().find(({init}) => init.pid === 1);
}
