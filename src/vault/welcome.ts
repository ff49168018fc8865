import {fromHome} from '../foundation/path-within.ts';
import {countShells, type RunningVault} from '../kernel/open-vaults.ts';
import type {OpenVault} from '../lifecycle/message.ts';

/** The first line of a session: which vault it is, how to leave, how to look. */
export function describeOpen({image, mountPoint}: OpenVault, home: string): string {
  const name = fromHome(nameOf(image), home);
  return `Vault ${name} is open at ${fromHome(mountPoint, home)}. Leave: exit. State: tazpod status.`;
}

/** The sentence for a user who leaves a vault that other sessions still use. */
export function describeStillOpen(vault: RunningVault): string {
  return `The vault ${vault.image} is still open in ${nameShells(countShells(vault))}.`;
}

/** `one shell`, `2 shells`. */
export function nameShells(shells: number): string {
  return shells === 1 ? 'one shell' : `${shells} shells`;
}

/** A vault goes by the directory of its project, where it has its usual place there. */
function nameOf(image: string): string {
  const folder = /^(.+)\/\.tazpod(?:-vault|\/vault)\/vault\.img$/.exec(image)?.[1];
  return folder ?? image;
}
