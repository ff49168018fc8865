import {accessSync, constants, existsSync, mkdirSync, statfsSync} from 'node:fs';
import {dirname} from 'node:path';
import type {CreatePlan, KdfPlan, Pbkdf} from '../lifecycle/plan.ts';
import {directoryUnusable, imageExists, noMemoryOfPbkdf2, noSpace, notCreated} from './failures.ts';
import type {VaultRequest} from './open-request.ts';
import {openVault} from './open-vault.ts';
import type {Presentation} from './presentation.ts';
import {formatSize, parseSize} from './size.ts';

export type CreateFlags = KdfFlags & {readonly size: string};

export type KdfFlags = {
  readonly pbkdf: Pbkdf;
  readonly 'pbkdf-memory'?: number | undefined;
  readonly 'pbkdf-force-iterations'?: number | undefined;
};

/** The `result` of `vault create --json`. */
export type CreateResult = {readonly image: string; readonly sizeBytes: number};

/**
 * Makes a vault and closes it again. Throws a Failure (73) where there is something already. An exit code says that the
 * user broke it off.
 */
export async function createVault(
  request: VaultRequest,
  flags: CreateFlags,
  presentation: Presentation,
): Promise<CreateResult | number> {
  const {image} = request;
  const create = createPlan(flags);
  if (existsSync(image)) throw imageExists(image);
  prepareImageFolder(image, create.sizeBytes);
  const end = await openVault({...request, create}, presentation);
  if (!end.orderly) throw notCreated(end.code);
  return end.code === 0 ? {image, sizeBytes: create.sizeBytes} : end.code;
}

/** The flags of a new vault as a plan. */
export function createPlan(flags: CreateFlags): CreatePlan {
  return {sizeBytes: parseSize(flags.size), ...kdfPlan(flags)};
}

/** The flags of a new key as a part of a plan. Throws a Failure (64) for flags that contradict each other. */
export function kdfPlan(flags: KdfFlags): KdfPlan {
  const memory = flags['pbkdf-memory'];
  const iterations = flags['pbkdf-force-iterations'];
  if (flags.pbkdf === 'pbkdf2' && memory !== undefined) throw noMemoryOfPbkdf2();
  return {
    pbkdf: flags.pbkdf,
    ...(memory === undefined ? {} : {pbkdfMemoryKiB: memory}),
    ...(iterations === undefined ? {} : {pbkdfForceIterations: iterations}),
  };
}

/**
 * Makes the folder of a new image, for its user alone, and says before a passphrase is typed if it cannot take the
 * image. Throws a Failure (73).
 */
export function prepareImageFolder(image: string, sizeBytes: number): void {
  const folder = dirname(image);
  try {
    mkdirSync(folder, {recursive: true, mode: 0o700});
    accessSync(folder, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw directoryUnusable(folder, error);
  }
  const {bavail, bsize} = statfsSync(folder);
  // Some file systems do not say what they have: 0 of 0 blocks.
  if (bavail * bsize >= sizeBytes || bavail === 0) return;
  throw noSpace(folder, formatSize(bavail * bsize), formatSize(sizeBytes));
}
