import type {CleanAction} from './cleaning.ts';

/**
 * The plan: what the unprivileged CLI asks of the privileged ghost. Plain data, the only thing that crosses the
 * privilege line, with no secret in it. The ghost trusts none of it (`src/ghost/plan/check-plan.ts`).
 *
 * What a plan cannot say is as much part of it: the order of the steps, whether the session is sealed, who the user
 * is, which program runs as root.
 */
export type GhostPlan = OpenPlan | LockPlan | EnterPlan | ObservePlan | CleanPlan | KeysPlan;

/** The number of this shape. A ghost refuses every other. */
export const planVersion = 1;

export type OpenPlan = {
  readonly version: typeof planVersion;
  readonly operation: 'open';
  /** Absolute path of the image, no symbolic link in it. */
  readonly image: string;
  /** Absolute path of the mount point, a directory of the user under the user's home. */
  readonly mountPoint: string;
  /** The home that mount point and bridges lie under. Through sudo it must be the one of the login name database. */
  readonly home: string;
  readonly key: KeySource;
  /** What to do where a ghost of the user's has the vault open: start the session in it, or say that it is busy. */
  readonly ifOpen: 'join' | 'refuse';
  /** How long to wait for another process that is opening or closing the vault. Absent: no longer than `status` needs. */
  readonly waitMs?: number;
  /**
   * The private ghost that has the vault open: from a user namespace of its own the new ghost cannot see it. Only a
   * private call may say so, which crosses no line.
   */
  readonly privateGhost?: {readonly init: InitId; readonly keyDigest: VolumeKeyDigest};
  /** Absent: the best engine that this machine has. */
  readonly engine?: EngineId;
  /** Present: the image is made first; there must be none yet. */
  readonly create?: CreatePlan;
  /** Present: the image is opened for reading only, and nothing in the vault can be changed. */
  readonly readOnly?: true;
  /** Present: everything in the vault becomes the user's, and it is closed again. There is no session then. */
  readonly adopt?: true;
  /** Present: a session is started in the vault; absent: the vault is only made, or adopted. */
  readonly session?: SessionPlan;
  readonly bridges: readonly BridgePlan[];
  /** Sockets and files of the login outside that the session gets in its own XDG_RUNTIME_DIR. */
  readonly shared?: readonly SharedFile[];
};

/** Closes the ghost of an image. */
export type LockPlan = {
  readonly version: typeof planVersion;
  readonly operation: 'lock';
  readonly image: string;
  /** Time between SIGHUP and SIGKILL. */
  readonly graceMs: number;
  /** How long to wait for a vault that is being opened. Absent: not at all. */
  readonly waitMs?: number;
};

/**
 * Starts a session in a private ghost that is there. Only the user's own process can: a process that has a user
 * namespace of its own already, as the ghost of an open plan has, is refused by another one. So that ghost asks for the
 * key, and this plan, for which no privilege is taken at all, follows.
 */
export type EnterPlan = {
  readonly version: typeof planVersion;
  readonly operation: 'enter';
  readonly init: InitId;
  readonly session: SessionPlan;
};

/** Tells what there is of an image on this machine: ghosts, mounts, devices, and who uses them. */
export type ObservePlan = {
  readonly version: typeof planVersion;
  readonly operation: 'observe';
  readonly image: string;
};

/** Does what a cleanup strategy has planned, as far as each action is about the image. */
export type CleanPlan = {
  readonly version: typeof planVersion;
  readonly operation: 'clean';
  readonly image: string;
  readonly actions: readonly CleanAction[];
};

/** Lists the key slots of an image, or changes them. */
export type KeysPlan = {
  readonly version: typeof planVersion;
  readonly operation: 'keys';
  readonly image: string;
  /** For the path that a prompt shows. */
  readonly home: string;
  readonly change: KeyChange;
  /** How long to wait for another process that is opening or closing the vault. Absent: a moment. */
  readonly waitMs?: number;
};

/** What the name of a key may be: it stands in a terminal, in a shell's words, and in the type of a LUKS2 token. */
export const keyName = /^[A-Za-z][\w.-]{0,31}$/;

export type KeyChange =
  | {readonly do: 'list'}
  /** The key slot that `key` opens gets `newKey`. */
  | {readonly do: 'replace'; readonly key: KeySource; readonly newKey: KeySource; readonly kdf: KdfPlan}
  | {
      readonly do: 'add';
      readonly key: KeySource;
      /** Absent: a recovery key is made, and shown on the terminal. */
      readonly newKey?: KeySource;
      readonly name?: string;
      readonly kdf: KdfPlan;
    }
  /** `slot` is a name or a number. `key` must open another one. */
  | {readonly do: 'remove'; readonly key: KeySource; readonly slot: string}
  | {readonly do: 'rename'; readonly slot: string; readonly name: string};

/** The init of a ghost, and no other process that has its number later. */
export type InitId = {readonly pid: number; readonly startTicks: number};

/** A LUKS2 digest (specification, section 3.4): made of the volume key, and no secret. Salt and digest in base64. */
export type VolumeKeyDigest = {
  readonly hash: string;
  readonly iterations: number;
  readonly salt: string;
  readonly digest: string;
};

export type EngineId = 'dm-crypt' | 'fuse';
export type Isolation = 'sealed' | 'private';

/** Where the key comes from. The ghost reads it; it never passes through the unprivileged process. */
export type KeySource =
  | {readonly from: 'terminal'}
  /** The first line without its newline (`passphrase`), or every byte (`key`). */
  | {readonly from: 'file'; readonly path: string; readonly form: KeyForm}
  | {readonly from: 'stdin'; readonly form: KeyForm};

export type KeyForm = 'passphrase' | 'key';

export type CreatePlan = KdfPlan & {readonly sizeBytes: number};

/** How a new key slot derives its key. */
export type KdfPlan = {
  readonly pbkdf: Pbkdf;
  readonly pbkdfMemoryKiB?: number;
  readonly pbkdfForceIterations?: number;
};

/** 1 PiB: more than any disk, and far below what ext4 and a JavaScript number hold. */
export const maximumSizeBytes = 2 ** 50;

export type Pbkdf = (typeof pbkdfs)[number];
export const pbkdfs = ['argon2id', 'argon2i', 'pbkdf2'] as const;

export type SessionPlan = {
  /** Program and arguments. The program is looked for in the PATH of `environment`. */
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly workingFolder: string;
  /** The terminal that the user types at, `/dev/pts/3`; absent without one. */
  readonly terminal?: string;
  /** The caller's umask. The session gets it where the vault keeps its files private by itself. Absent: 077. */
  readonly umask?: number;
  /** The session gets a terminal of its own: all three standard descriptors are a terminal. */
  readonly ownTerminal: boolean;
};

/** A socket or file of the caller's: its absolute path, no symbolic link in it, and its relative path inside. */
export type SharedFile = {readonly from: string; readonly name: string};

/** A directory of the home that lives in the vault. Both are relative paths. */
export type BridgePlan = {readonly home: string; readonly vault: string};
