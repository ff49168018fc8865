import {existsSync} from 'node:fs';
import {exitCode} from '../foundation/exit-code.ts';
import {Failure} from '../foundation/failure.ts';
import type {EngineId, Isolation, KeySource} from '../lifecycle/plan.ts';
import type {ShareName} from '../foundation/share.ts';
import type {DeclaredBridge} from './bridges.ts';
import {type CreateFlags, createPlan, prepareImageFolder} from './create.ts';
import {noVaultAt} from './failures.ts';
import {type KeyFlags, keySource} from './key-flags.ts';
import {locateImage} from './location.ts';
import {openVault, type Presentation} from './open-vault.ts';
import {formatSize} from './size.ts';

/** The `result` of `unlock --json` and `exec --json`. */
export type SessionResult = {
  /** The session's exit code, a signal as 128+N; 79 when the vault was locked under it. */
  readonly code: number;
  readonly image: string;
  readonly mountPoint?: string;
  readonly uuid?: string;
  readonly engine?: EngineId;
  readonly isolation?: Isolation;
  /** Nothing in the vault could be changed; left out otherwise. */
  readonly readOnly?: true;
};

export type SessionFlags = KeyFlags &
  Partial<Omit<CreateFlags, 'size'>> & {
    readonly size?: string | undefined;
    readonly image?: string | undefined;
    readonly 'mount-point'?: string | undefined;
    readonly engine?: EngineId | undefined;
    readonly isolation?: Isolation | undefined;
    readonly share?: readonly ShareName[] | undefined;
    readonly create?: boolean;
    readonly 'read-only'?: boolean;
    readonly join?: boolean;
    readonly wait?: number;
  };

/** How the session begins. */
export type SessionStart = {readonly welcome?: boolean};

/** Opens the vault for one command; if it does not exist, creates it first on request or with consent. */
export async function openOrCreate(
  flags: SessionFlags,
  command: readonly string[],
  presentation: Presentation,
  bridges: readonly DeclaredBridge[] = [],
  {welcome = false}: SessionStart = {},
): Promise<SessionResult> {
  const image = locateImage(flags.image);
  const key = keySource(flags);
  const create = existsSync(image) ? undefined : await agreedCreation(image, flags, key, presentation);
  const open = (made: typeof create) =>
    openVault(
      {
        image,
        mountPoint: flags['mount-point'],
        key,
        ifOpen: flags.join === false ? 'refuse' : 'join',
        waitMs: (flags.wait ?? 0) * 1000,
        engine: flags.engine,
        isolation: flags.isolation,
        bridges,
        share: flags.share,
        readOnly: flags['read-only'],
        command,
        welcome,
        ...(made === undefined ? {} : {create: made}),
      },
      presentation,
    );
  const end = await open(create).catch((error: unknown) => {
    // Another process made the vault meanwhile: it is opened, as if it had been there.
    const lost = create !== undefined && error instanceof Failure && error.code === exitCode.cannotCreate;
    if (!lost || !existsSync(image) || key.from === 'stdin') throw error;
    return open(undefined);
  });
  const {mountPoint, uuid, engine, isolation, readOnly} = end.vault ?? {};
  return {
    code: end.code,
    image,
    ...(mountPoint === undefined ? {} : {mountPoint}),
    ...(uuid === undefined ? {} : {uuid}),
    ...(engine === undefined ? {} : {engine}),
    ...(isolation === undefined ? {} : {isolation}),
    ...(readOnly === undefined ? {} : {readOnly}),
  };
}

async function agreedCreation(
  image: string,
  flags: SessionFlags,
  key: KeySource,
  presentation: Presentation,
): Promise<ReturnType<typeof createPlan>> {
  const plan = flags.size === undefined ? undefined : createPlan(flags as CreateFlags);
  const agreed =
    plan !== undefined &&
    !flags['read-only'] &&
    (flags.create === true ||
      (key.from === 'terminal' &&
        process.stdin.isTTY &&
        (await presentation.confirm(`There is no vault at ${image}. Create one of ${formatSize(plan.sizeBytes)}?`))));
  if (!agreed) {
    throw noVaultAt(image);
  }
  prepareImageFolder(image, plan.sizeBytes);
  return plan;
}
