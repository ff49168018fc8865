import {rmdirSync} from 'node:fs';
import {join, relative} from 'node:path';
import {findOwnHome} from '../config/own-home.ts';
import {exitCode} from '../lifecycle/exit-code.ts';
import {Failure} from '../lifecycle/failure.ts';
import type {EngineId, Isolation} from '../lifecycle/plan.ts';
import {type KeyFlags, keySource} from './key-flags.ts';
import {locateImage, prepareMountPoint} from './location.ts';
import {openVault, type Presentation} from './open-vault.ts';
import {readVaultState} from './state.ts';
import {strayNames} from './stray-files.ts';

/** The `result` of `vault absorb --json`. */
export type AbsorbResult = {
  readonly image: string;
  readonly mountPoint: string;
  /** Names that lay in the mount point outside the vault and are in the vault now. */
  readonly absorbed: readonly string[];
};

export type AbsorbFlags = KeyFlags & {
  readonly image?: string | undefined;
  readonly 'mount-point'?: string | undefined;
  readonly engine?: EngineId | undefined;
  readonly isolation?: Isolation | undefined;
};

/** Where the vault is meanwhile: its own mount point must be seen as it is outside. */
const deskName = '.tazpod-absorb';

/**
 * Moves what lies in the mount point into the vault. The mount point is a bridge for that time: the ghost copies, syncs
 * and compares before it removes anything, and a kill at any point loses nothing. A bridge ends in a directory of its
 * own, so a second step, inside the vault, gives each entry the name that it had. What has that name already stays: the
 * new one is left in the directory, and its place is printed.
 */
export async function absorb(flags: AbsorbFlags, presentation: Presentation): Promise<AbsorbResult> {
  const {home, remark} = findOwnHome();
  if (remark !== undefined) presentation.remark(remark);
  const image = locateImage(flags.image);
  const mountPoint = prepareMountPoint(flags['mount-point'], home);
  const names = strayNames(mountPoint);
  if (names.length === 0) return {image, mountPoint, absorbed: []};
  const {state} = await readVaultState(image);
  if (state === 'absent') {
    throw new Failure(exitCode.noInput, `There is no vault at ${image}.`, {next: 'tazpod vault create'});
  }
  if (state === 'open') {
    throw new Failure(exitCode.busy, 'The vault is open.', {
      why: `Its sessions hide the files outside the vault in ${mountPoint}.`,
      next: 'tazpod lock && tazpod vault absorb',
    });
  }

  const desk = join(home, deskName);
  const now = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
  const bridge = {home: relative(home, mountPoint), vault: `absorbed-${now}`};
  try {
    const end = await openVault(
      {
        image,
        mountPoint: desk,
        key: keySource(flags),
        ifOpen: 'refuse',
        engine: flags.engine,
        isolation: flags.isolation,
        bridges: [{...bridge, source: 'tazpod vault absorb', contributed: false}],
        command: ['/bin/sh', '-c', settle, 'tazpod', desk, mountPoint],
        unattended: true,
      },
      presentation,
    );
    if (end.code !== 0) {
      throw new Failure(exitCode.software, 'Some files were not moved into the vault.', {
        why: `The session ended with ${end.code}. The moved files are in a directory absorbed-… of the vault.`,
        next: 'tazpod vault absorb',
      });
    }
  } finally {
    removeEmpty(desk);
  }
  const left = strayNames(mountPoint);
  if (left.length === 0) return {image, mountPoint, absorbed: names};
  throw new Failure(exitCode.cannotCreate, `Some files in ${mountPoint} are still outside the vault.`, {
    why: `A warning says why. Left there: ${left
      .slice(0, 3)
      .map((name) => JSON.stringify(name))
      .join(', ')}.`,
    next: 'tazpod vault absorb',
  });
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
