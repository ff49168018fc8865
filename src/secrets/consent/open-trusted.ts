import {isKnownVault} from '../../lifecycle/vault-mark.ts';
import {type BackendSurroundings, type LoadBackend, type OpenedBackend, openBackends} from '../backends/backends.ts';
import {untrusted} from '../failures.ts';
import type {Mapping} from '../mapping/mapping.ts';
import {rememberVault} from '../vault-directory/known-vault.ts';
import {demandsOf, forgetTrust, isTrusted, rememberTrust} from './trust.ts';

/** A `secrets.yml` whose backends are wanted, and how its user agrees to what they do. */
export type TrustRequest = {
  readonly mapping: Mapping;
  readonly surroundings: BackendSurroundings;
  readonly load: LoadBackend;
  /** Asks the user to agree; absent where nobody can be asked. */
  readonly agree?: ((demands: readonly string[]) => Promise<boolean>) | undefined;
  /** The user has agreed beforehand. */
  readonly trust: boolean;
};

/** Loads the backends of a mapping. Throws a Failure (77) if its user does not agree to what they do. */
export async function openTrusted(request: TrustRequest): Promise<ReadonlyMap<string, OpenedBackend>> {
  const {mapping, surroundings} = request;
  const {mountPoint, environment} = surroundings;
  const backends = await openBackends(mapping, request.load, surroundings);
  const demands = demandsOf(mapping, backends);
  if (demands.length === 0) return backends;
  const known = isKnownVault(mountPoint, environment);
  if (known && isTrusted(mountPoint, mapping, backends)) return backends;
  if (!request.trust && (await request.agree?.(demands)) !== true) throw untrusted(mapping.file.path, demands);
  // In a vault that is not known yet nothing is noted: the first pull makes it known, see `adoptVault`.
  if (known) rememberTrust(mountPoint, mapping, backends);
  return backends;
}

/**
 * Makes a vault one of this account's, now that everything that was pulled into it was pulled by this one. Of what was
 * agreed to in it, only what these backends ask for holds on.
 */
export function adoptVault(
  {mapping, surroundings: {mountPoint, environment}}: TrustRequest,
  backends: ReadonlyMap<string, OpenedBackend>,
): void {
  forgetTrust(mountPoint);
  rememberVault(mountPoint, environment);
  if (demandsOf(mapping, backends).length > 0) rememberTrust(mountPoint, mapping, backends);
}
