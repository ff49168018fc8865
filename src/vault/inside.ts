import {resolve} from 'node:path';
import {readOpenVaults, type RunningVault} from '../kernel/open-vaults.ts';
import {cannotOpenAgain, onlyOutside, openOtherwise, openReadOnly, otherVault} from './failures.ts';
import {currentFolder, locateImage, resolveLinks} from './location.ts';
import {imageIdOf} from './running-vaults.ts';

/** What a command line says about a vault and how it is opened. */
export type NamedVault = {
  readonly image?: string | undefined;
  readonly 'mount-point'?: string | undefined;
  readonly engine?: string | undefined;
  readonly isolation?: string | undefined;
  readonly join?: boolean | undefined;
  readonly share?: readonly string[] | undefined;
  readonly strategy?: string | undefined;
  readonly 'read-only'?: boolean | undefined;
};

type Here = Pick<RunningVault, 'engine' | 'image' | 'imageId' | 'isolation' | 'mountPoint' | 'readOnly'>;

/** The vault whose ghost this process lives in. Undefined outside. The kernel is asked, no variable. */
export function vaultHere(): RunningVault | undefined {
  return readOpenVaults().find(({init}) => init.pid === 1);
}

/** Whether a path leads to the image of the vault that is open here. */
export function isImageOf(here: Pick<Here, 'image' | 'imageId'>, path: string): boolean {
  return path === here.image || imageIdOf(path) === here.imageId;
}

/**
 * Throws a Failure if a command that runs inside a ghost names another vault than the one that is open there, or wants it
 * opened in another way: a command never works on a vault that was not meant.
 */
export function requireThisVault(here: Here, named: NamedVault): void {
  const image = named.image === undefined ? undefined : locateImage(named.image);
  if (image !== undefined && !isImageOf(here, image)) throw otherVault(here.image, image);
  const mountPoint = named['mount-point'];
  if (mountPoint !== undefined && resolveLinks(resolve(currentFolder(), mountPoint)) !== here.mountPoint) {
    throw openOtherwise(`The vault is mounted at ${here.mountPoint}.`);
  }
  if (named.engine !== undefined && named.engine !== here.engine) {
    throw openOtherwise(`The vault is open with the engine ${here.engine}.`);
  }
  if (named.isolation !== undefined && named.isolation !== here.isolation) {
    throw openOtherwise(`The isolation of this session is ${here.isolation}.`);
  }
  if (named['read-only'] && !here.readOnly) throw openOtherwise('The vault is open for writing.');
  if (named.share !== undefined) throw openOtherwise('--share has no effect inside a ghost.');
  if (named.strategy !== undefined) throw onlyOutside('--strategy works only outside a ghost.');
  if (named.join === false) {
    throw cannotOpenAgain();
  }
}

/** Throws a Failure if a command would have to write into a vault that is open read-only. */
export function requireWritable(here: Pick<Here, 'readOnly'> | undefined, what: string): void {
  if (!here?.readOnly) return;
  throw openReadOnly(what);
}
