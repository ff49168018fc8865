import {closeSync} from 'node:fs';
import {Failure} from '../foundation/failure.ts';
import {checkCare} from './check-care.ts';
import {error, type VaultFinding} from './check-finding.ts';
import {checkHeader} from './check-header.ts';
import {checkPlace} from './check-place.ts';
import {openImage} from './hold-image.ts';
import type {VaultRequest} from './open-request.ts';
import {openVault} from './open-vault.ts';
import type {Presentation} from './presentation.ts';
import {readVaultState, type VaultState} from './state.ts';

/** The `result` of `vault check --json`. */
export type VaultCheck = {
  readonly image: string;
  readonly state: VaultState['state'];
  readonly findings: readonly VaultFinding[];
};

/**
 * Looks at everything about a vault that can be seen without changing it, also while it is open. With a key it opens a
 * locked vault read-only, which checks the file system; `withKey` says whether there is one. Throws a Failure (66) where
 * there is no image.
 */
export async function checkVault(
  request: VaultRequest,
  withKey: boolean,
  presentation: Presentation,
): Promise<VaultCheck> {
  const {image} = request;
  const fd = openImage(image);
  try {
    const state = await readVaultState(image);
    const header = checkHeader(fd, image);
    const opens = header.every(({severity}) => severity !== 'error');
    const findings = [
      ...header,
      ...checkPlace(fd, image),
      ...checkCare(state, request.mountPoint),
      ...(opens ? [await checkContents(request, state, withKey, presentation)] : []),
    ];
    return {image, state: state.state, findings};
  } finally {
    closeSync(fd);
  }
}

/** Whether the key opens the vault, and its file system is sound and marked as closed. */
async function checkContents(
  request: VaultRequest,
  {state}: VaultState,
  withKey: boolean,
  presentation: Presentation,
): Promise<VaultFinding> {
  const id = 'file-system';
  const skipped = (detail: string): VaultFinding => ({id, severity: 'skipped', detail});
  if (state === 'open' || state === 'busy') return skipped('The vault is in use: its file system was not checked.');
  if (!withKey) return skipped('No key was given: the file system was not checked. --passphrase-file FILE checks it.');
  const how = {readOnly: true, ifOpen: 'refuse', unattended: true, command: ['/bin/true']} as const;
  try {
    const {code} = await openVault({...request, ...how}, presentation);
    if (code === 0) return {id, severity: 'ok', detail: 'The key opens the vault, and its file system is sound.'};
    return skipped(`The vault was not opened: the session ended with ${code}.`);
  } catch (cause) {
    if (!(cause instanceof Failure)) throw cause;
    return error(id, [cause.message, cause.why].filter((each) => each !== undefined).join(' '), cause.next);
  }
}
