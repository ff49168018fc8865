import {countShells, type RunningVault} from '../kernel/open-vaults.ts';
import type {OpenVault} from '../lifecycle/message.ts';
import {columnsOf, wrapText} from '../report/wrap.ts';

/** The first line of a session: which vault it is, how to leave, how to look. */
export function renderWelcome(
  {image, mountPoint}: OpenVault,
  home: string,
  columns = columnsOf(process.stderr),
): string {
  const name = shorten(nameOf(image), home);
  const text = `Vault ${name} is open at ${shorten(mountPoint, home)}. Leave: exit. State: tazpod status.`;
  return wrapText(text, columns, '', '  ');
}

/** The sentence for a user who leaves a vault that other sessions still use. */
export function describeStillOpen(vault: RunningVault): string {
  const shells = nameShells(countShells(vault));
  return wrapText(`The vault ${vault.image} is still open in ${shells}.`, columnsOf(process.stderr), '', '  ');
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

function shorten(path: string, home: string): string {
  return path === home || path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path;
}
