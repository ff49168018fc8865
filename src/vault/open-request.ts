import type {ShareName} from '../foundation/share.ts';
import type {CreatePlan, EngineId, Isolation, KeySource} from '../lifecycle/plan.ts';
import type {DeclaredBridge} from './bridges.ts';

/** Which vault is meant, and how it is opened. */
export type VaultRequest = {
  readonly image: string;
  readonly mountPoint?: string | undefined;
  readonly key: KeySource;
  readonly engine?: EngineId | undefined;
  readonly isolation?: Isolation | undefined;
};

/** What a command asks for when it opens or makes a vault. */
export type OpenRequest = VaultRequest & {
  readonly ifOpen?: 'join' | 'refuse' | undefined;
  /** How long to wait for another process that is opening or closing the vault. */
  readonly waitMs?: number | undefined;
  readonly create?: CreatePlan | undefined;
  /** Directories of the home that live in the vault. */
  readonly bridges?: readonly DeclaredBridge[];
  /** Services of the login outside that the session may use. */
  readonly share?: readonly ShareName[] | undefined;
  /** Nothing in the vault can be changed, and the image is only read. */
  readonly readOnly?: boolean | undefined;
  /** Make everything in the vault the user's, and start no session. */
  readonly adopt?: true;
  /** The command of the session; absent: the vault is only made, or adopted. */
  readonly command?: readonly string[];
  /** The session is a shell that the user types at: it begins with a line about the vault. */
  readonly welcome?: boolean;
  /** Nobody types into the session: it gets no terminal of its own, and the caller's stays as it is. */
  readonly unattended?: boolean;
};
