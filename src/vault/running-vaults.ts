import {existsSync} from 'node:fs';
import {formatFileIdentity, identifyFile} from '../kernel/file-identity.ts';
import {displacedVaults, readOpenVaults, type RunningVault} from '../kernel/open-vaults.ts';

/** The open vault of an image. */
export function vaultOf(image: string): RunningVault | undefined {
  const imageId = imageIdOf(image);
  return imageId === undefined ? undefined : readOpenVaults().find((open) => open.imageId === imageId);
}

/** The open vault of this user whose image lay at this path, and is gone from there. */
export function displacedVaultOf(image: string): RunningVault | undefined {
  return displacedVaults(image, imageIdOf(image), process.getuid!())[0];
}

/** Device and inode number of what is at this path. */
export function imageIdOf(image: string): string | undefined {
  return existsSync(image) ? formatFileIdentity(identifyFile(image)) : undefined;
}
