import type {ContractVersion} from './contributions.ts';

/**
 * A backend. Runs as the user, inside the ghost. Values are bytes: the core wipes them when they are written.
 *
 * Every method may reject with a `BackendError`; any other error is taken for a bug of the plugin, and its message is
 * shown with `--debug` only, because it may hold anything.
 */
export type SecretBackend = {
  readonly contract: ContractVersion;
  /** What `content:` of an entry of `secrets.yml` may say; absent where a secret has no parts. */
  readonly contents?: readonly string[];
  /** Says what is wrong with the settings of `secrets.yml`, a sentence each, without asking anybody. */
  checkSettings?(settings: BackendContext['settings']): readonly string[];
  /**
   * What these settings make this machine do beyond asking a store, a sentence each (`runs the program ./secrets`): a
   * `secrets.yml` may come with a cloned repository, and the core asks the user before such settings are used.
   */
  needsTrust?(settings: BackendContext['settings']): readonly string[];
  /**
   * What a session belongs to, for settings that can be spelled in several ways: server, project, identity. Settings
   * with the same answer share `context.store`. Absent: settings that are the same word for word.
   */
  sessionOf?(settings: BackendContext['settings']): string;
  /** Gets a session for later calls and keeps it in `context.store`. Absent where there is nothing to log in to. */
  login?(context: BackendContext, request: LoginRequest): Promise<LoginAnswer>;
  /** Ends the session, also at the server where that is possible. The core empties the store afterwards. */
  logout?(context: BackendContext): Promise<void>;
  /**
   * Files outside of the vault that still hold in the clear what was pulled, absolute, and hold nothing else but it:
   * the core offers to remove them. `names` are all that was pulled of this backend; `isPulled` compares a value with
   * what was pulled under a name, byte for byte, because a file may have changed since, or have a name twice.
   */
  clearCopies?(context: BackendContext, names: readonly string[], isPulled: IsPulled): Promise<readonly string[]>;
  /** Everything in one folder, in as few calls as the store allows. */
  readFolder(context: BackendContext, folder: Folder): Promise<FolderAnswer>;
};

/** True if a secret of this name and with these bytes is in the vault. */
export type IsPulled = (name: string, value: Uint8Array) => boolean;

export type BackendContext = {
  /** The name that `secrets.yml` has for this backend. */
  readonly name: string;
  /** Its settings in `secrets.yml`, as YAML gives them, without the keys that are the core's. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** The user's environment. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The folder that relative paths of `settings` are meant from. */
  readonly projectFolder: string;
  /** A folder of this backend's own in the vault. */
  readonly store: PrivateStore;
  /** How long one answer may take. */
  readonly timeoutMs: number;
  /** Aborted when nobody waits for the answer. */
  readonly signal: AbortSignal;
  /** A warning for the user, on one line, without a secret in it. */
  warn(text: string): void;
};

/** Small files in the vault, 0600, written to a temporary name, synced and renamed. A name is `[a-z0-9-]+`. */
export type PrivateStore = {
  read(name: string): Promise<Uint8Array | undefined>;
  write(name: string, content: Uint8Array): Promise<void>;
  remove(name: string): Promise<void>;
};

export type LoginRequest = {
  /** Who logs in: a client id, an account. Absent: `ask` for it. */
  readonly identity?: string;
  /** The secret that goes with it, from a file or standard input. Absent: `askSecret`. */
  readonly secret?: Uint8Array;
  /** What `secrets.yml` wants of this backend, for those that try a login out. */
  readonly wanted?: readonly Folder[];
  /** Asks on the terminal. Rejects without one. */
  ask(question: string): Promise<string>;
  /** Asks on the terminal without showing what is typed. Rejects without one. */
  askSecret(question: string): Promise<Uint8Array>;
};

export type LoginAnswer = {
  /** Who is logged in, for the user to read. */
  readonly identity: string;
  /** When the session ends, ISO 8601; absent where it does not. */
  readonly expires?: string;
};

export type Folder = {
  /** Absent where the store has no environments, or the backend's settings name one. */
  readonly environment?: string;
  /** From `/`. */
  readonly path: string;
  /** With all folders below. */
  readonly recursive: boolean;
  /** The names that are wanted, for stores that must be asked one by one; absent: all. */
  readonly names?: readonly string[];
  /** True for what `secrets.yml` leaves out; absent: nothing. Need not be read; what is given is dropped. */
  readonly isExcluded?: (secret: Pick<Secret, 'name' | 'path'>) => boolean;
  /** A secret that cannot be read may be left out, with a warning and without a validator in the answer. */
  readonly optional?: boolean;
  /** Which part of each entry is the secret, out of the `contents` of the backend; absent: its default. */
  readonly content?: string;
  /** What an earlier answer gave as its `validator`. */
  readonly validator?: string;
};

export type FolderAnswer =
  /** Nothing has changed since the answer that gave the validator. */
  | {readonly state: 'unchanged'}
  | {
      readonly state: 'read';
      readonly secrets: readonly Secret[];
      /** To be given back the next time; an ETag for instance. Kept in the vault. */
      readonly validator?: string;
    };

export type Secret = {
  readonly name: string;
  /** Where it lies, from `/`; the folder's own path, or below it. */
  readonly path: string;
  readonly value: Uint8Array;
};

/** An error that the user can do something about, recognised by its `tazpod` property. No text has a secret in it. */
export type BackendError = Error & {
  readonly tazpod: {
    readonly kind:
      /** Not logged in, or the session has ended. */
      | 'not-logged-in'
      /** The store refuses. */
      | 'no-permission'
      /** Project, environment, folder or secret is not there. */
      | 'not-found'
      /** The store cannot be reached, or answers with what is no answer. */
      | 'unreachable'
      /** Settings are wrong. */
      | 'settings'
      /** A program or file that the backend needs is missing. */
      | 'unavailable';
    readonly what: string;
    readonly why?: string;
    /** The next command to type. */
    readonly next?: string;
  };
};
