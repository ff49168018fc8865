import type {EngineId, Isolation} from '../lifecycle/plan.ts';
import {nothingAdopted} from './failures.ts';
import {type KeyFlags, keySource} from './key-flags.ts';
import {openVault, type Presentation} from './open-vault.ts';

/** The `result` of `vault adopt --json`. */
export type AdoptResult = {
  readonly image: string;
  /** Files, directories and links that have got another owner. */
  readonly changed: number;
  /** Devices, which keep theirs. */
  readonly left: number;
};

/** Makes everything in a vault the user's. An exit code says that it ended before it finished. */
export async function adoptVault(
  flags: KeyFlags & {
    readonly image: string;
    readonly 'mount-point'?: string | undefined;
    readonly engine?: EngineId | undefined;
    readonly isolation?: Isolation | undefined;
  },
  presentation: Presentation,
): Promise<AdoptResult | number> {
  const {image, 'mount-point': mountPoint, engine, isolation} = flags;
  const request = {image, mountPoint, key: keySource(flags), ifOpen: 'refuse', engine, isolation, adopt: true} as const;
  const {code, adopted} = await openVault(request, presentation);
  if (code !== 0) return code;
  if (adopted !== undefined) return {image, ...adopted};
  throw nothingAdopted();
}
