import type {ShareName} from '../foundation/share.ts';
import type {EngineId, Isolation} from '../lifecycle/plan.ts';
import type {CreateFlags} from '../vault/create.ts';
import {locateImage} from '../vault/location.ts';
import type {VaultRequest} from '../vault/open-request.ts';
import type {SessionRequest} from '../vault/session.ts';
import {type KeyFlags, keySource} from './key-source.ts';

/** The flags that say which vault is meant and how it is opened, with what the configuration says. */
export type VaultFlags = KeyFlags & {
  readonly image?: string | undefined;
  readonly 'mount-point'?: string | undefined;
  readonly engine?: EngineId | undefined;
  readonly isolation?: Isolation | undefined;
};

export type SessionFlags = VaultFlags &
  Partial<Omit<CreateFlags, 'size'>> & {
    readonly size?: string | undefined;
    readonly share?: readonly ShareName[] | undefined;
    readonly create?: boolean;
    readonly 'read-only'?: boolean;
    readonly join?: boolean;
    readonly wait?: number;
  };

export function vaultRequest(flags: VaultFlags): VaultRequest {
  const {image, 'mount-point': mountPoint, engine, isolation} = flags;
  return {image: locateImage(image), mountPoint, key: keySource(flags), engine, isolation};
}

export function sessionRequest(flags: SessionFlags): SessionRequest {
  return {
    ...vaultRequest(flags),
    ifOpen: flags.join === false ? 'refuse' : 'join',
    waitMs: (flags.wait ?? 0) * 1000,
    share: flags.share,
    readOnly: flags['read-only'],
    makeUnasked: flags.create,
    making: flags.size === undefined ? undefined : (flags as CreateFlags),
  };
}
