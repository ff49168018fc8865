import {closeSync} from 'node:fs';
import {Failure} from '../foundation/failure.ts';
import {copyDoesNotOpen, copyNotOpened, headerDiffers} from './failures.ts';
import {openImage} from './hold-image.ts';
import {readImageHeader} from './image-header.ts';
import type {VaultRequest} from './open-request.ts';
import {openVault} from './open-vault.ts';
import type {Presentation} from './presentation.ts';

/** What was done to be sure of a copy. `opened`: with a key, its file system checked and mounted, read-only. */
export type Verified = 'digest' | 'header' | 'opened';

/**
 * Proves that a copy, which still has a temporary name, is the vault of this UUID: by its header, and with a key by
 * opening it read-only, as any vault: the ghost checks its file system and mounts it, and a program in it ends at once.
 */
export async function verifyCopy(
  temporary: string,
  uuid: string,
  open: VaultRequest | undefined,
  presentation: Presentation,
): Promise<Verified[]> {
  const fd = openImage(temporary);
  try {
    if (readImageHeader(fd, temporary).uuid !== uuid) throw headerDiffers();
  } finally {
    closeSync(fd);
  }
  if (open === undefined) return ['digest', 'header'];
  await presentation.clear();
  presentation.tell('Opening the copy to prove that it works.');
  const request = {...open, image: temporary, readOnly: true, ifOpen: 'refuse', unattended: true} as const;
  const end = await openVault({...request, command: ['/bin/true']}, presentation).catch((error: unknown) => {
    throw error instanceof Failure ? copyDoesNotOpen(error) : error;
  });
  if (end.code !== 0) throw copyNotOpened(end.code);
  return ['digest', 'header', 'opened'];
}
