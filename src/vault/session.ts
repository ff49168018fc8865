import {existsSync} from 'node:fs';
import {exitCode} from '../foundation/exit-code.ts';
import {Failure} from '../foundation/failure.ts';
import type {EngineId, Isolation} from '../lifecycle/plan.ts';
import {type CreateFlags, createPlan, prepareImageFolder} from './create.ts';
import {noVaultAt} from './failures.ts';
import type {OpenRequest} from './open-request.ts';
import {openVault} from './open-vault.ts';
import type {Presentation} from './presentation.ts';
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

/** What a command asks for that opens a vault for a session, and creates it if need be. */
export type SessionRequest = OpenRequest & {
  /** How a new vault is made; absent: none is. */
  readonly making?: CreateFlags | undefined;
  /** Make it without asking. */
  readonly makeUnasked?: boolean | undefined;
};

/** Opens the vault for one command; if it does not exist, creates it first on request or with consent. */
export async function openOrCreate(request: SessionRequest, presentation: Presentation): Promise<SessionResult> {
  const {image, key} = request;
  const create = existsSync(image) ? undefined : await agreedCreation(request, presentation);
  const end = await openVault({...request, create}, presentation).catch((error: unknown) => {
    // Another process made the vault meanwhile: it is opened, as if it had been there.
    const lost = create !== undefined && error instanceof Failure && error.code === exitCode.cannotCreate;
    if (!lost || !existsSync(image) || key.from === 'stdin') throw error;
    return openVault(request, presentation);
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
  {image, key, making, makeUnasked, readOnly}: SessionRequest,
  presentation: Presentation,
): Promise<ReturnType<typeof createPlan>> {
  const plan = making === undefined ? undefined : createPlan(making);
  const agreed =
    plan !== undefined &&
    !readOnly &&
    (makeUnasked ||
      (key.from === 'terminal' &&
        process.stdin.isTTY &&
        (await presentation.confirm(`There is no vault at ${image}. Create one of ${formatSize(plan.sizeBytes)}?`))));
  if (!agreed) throw noVaultAt(image);
  prepareImageFolder(image, plan.sizeBytes);
  return plan;
}
