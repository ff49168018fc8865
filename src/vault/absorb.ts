import {rmdirSync} from 'node:fs';
import {join, relative} from 'node:path';
import {findOwnHome} from '../config/own-home.ts';
import {absorbWhileOpen, leftOutside, noVaultAt, notAbsorbed} from './failures.ts';
import {prepareMountPoint} from './location.ts';
import type {VaultRequest} from './open-request.ts';
import {openVault} from './open-vault.ts';
import type {Presentation} from './presentation.ts';
import {readVaultState} from './state.ts';
import {strayNames} from './stray-files.ts';

/** The `result` of `vault absorb --json`. */
export type AbsorbResult = {
  readonly image: string;
  readonly mountPoint: string;
  /** Names that lay in the mount point outside the vault and are in the vault now. */
  readonly absorbed: readonly string[];
};

/** Where the vault is meanwhile: its own mount point must be seen as it is outside. */
const deskName = '.tazpod-absorb';

/**
 * Moves what lies in the mount point into the vault. The mount point is a bridge for that time: the ghost copies, syncs
 * and compares before it removes anything, and a kill at any point loses nothing. A bridge ends in a directory of its
 * own, so a second step, inside the vault, gives each entry the name that it had. What has that name already stays: the
 * new one is left in the directory, and its place is printed.
 */
export async function absorb(request: VaultRequest, presentation: Presentation): Promise<AbsorbResult> {
  const {home, remark} = findOwnHome();
  if (remark !== undefined) presentation.remark(remark);
  const {image} = request;
  const mountPoint = prepareMountPoint(request.mountPoint, home);
  const names = strayNames(mountPoint);
  if (names.length === 0) return {image, mountPoint, absorbed: []};
  const {state} = await readVaultState(image);
  if (state === 'absent') throw noVaultAt(image);
  if (state === 'open') throw absorbWhileOpen(mountPoint);

  const desk = join(home, deskName);
  const now = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
  const bridge = {home: relative(home, mountPoint), vault: `absorbed-${now}`};
  try {
    const end = await openVault(
      {
        ...request,
        mountPoint: desk,
        ifOpen: 'refuse',
        bridges: [{...bridge, source: 'tazpod vault absorb', contributed: false}],
        command: ['/bin/sh', '-c', settle, 'tazpod', desk, mountPoint],
        unattended: true,
      },
      presentation,
    );
    if (end.code !== 0) throw notAbsorbed(end.code);
  } finally {
    removeEmpty(desk);
  }
  const left = strayNames(mountPoint);
  if (left.length === 0) return {image, mountPoint, absorbed: names};
  throw leftOutside(mountPoint, left);
}

/**
 * Gives entries their names in the root of the vault, also those of a call that was killed. mv(1) replaces nothing with
 * `-n`, and what stays is looked for afterwards.
 */
const settle = `cd -- "$1" || exit
for folder in absorbed-*/; do
  [ -d "$folder" ] && [ ! -L "\${folder%/}" ] || continue
  for entry in "$folder"* "$folder".[!.]* "$folder"..?*; do
    [ -e "$entry" ] || [ -L "$entry" ] || continue
    name=\${entry#"$folder"}
    if [ ! -e "$name" ] && [ ! -L "$name" ] && mv -n -- "$entry" "$name"; then continue; fi
    printf 'warning: The vault has "%s" already. What lay outside is "%s" in it.\\n' "$name" "$entry" >&2
  done
  rmdir -- "$folder" 2>/dev/null
done
sync
exit 0`;

/** Where another call is at work, it is its mount point, and in use. */
function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // It is not there, or not empty, and then not ours.
  }
}
