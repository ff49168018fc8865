import {nothingAdopted} from './failures.ts';
import type {VaultRequest} from './open-request.ts';
import {openVault} from './open-vault.ts';
import type {Presentation} from './presentation.ts';

/** The `result` of `vault adopt --json`. */
export type AdoptResult = {
  readonly image: string;
  /** Files, directories and links that have got another owner. */
  readonly changed: number;
  /** Devices, which keep theirs. */
  readonly left: number;
};

/** Makes everything in a vault the user's. An exit code says that it ended before it finished. */
export async function adoptVault(request: VaultRequest, presentation: Presentation): Promise<AdoptResult | number> {
  const {code, adopted} = await openVault({...request, ifOpen: 'refuse', adopt: true}, presentation);
  if (code !== 0) return code;
  if (adopted !== undefined) return {image: request.image, ...adopted};
  throw nothingAdopted();
}
