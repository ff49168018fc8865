import type {CleanOutcome, Observation} from './cleaning.ts';
import type {ExitCode} from '../foundation/exit-code.ts';
import type {EngineId, InitId, Isolation, Pbkdf, VolumeKeyDigest} from './plan.ts';
import type {PhaseId, StepId} from './step.ts';

/**
 * What the ghost and the CLI say to each other: every message, on this page. One JSON object a line, over a socket in
 * a folder that only the user can enter.
 *
 * Losing the socket loses the display, and tells the ghost that nobody waits for it: it closes the vault.
 */
export type GhostMessage =
  /** The steps of a phase follow. */
  | {readonly say: 'phase'; readonly phase: PhaseId}
  | {readonly say: 'started'; readonly step: StepId}
  | {readonly say: 'progress'; readonly step: StepId; readonly doneBytes: number; readonly totalBytes: number}
  | {readonly say: 'done'; readonly step: StepId; readonly ms: number; readonly note?: string}
  | {readonly say: 'skipped'; readonly step: StepId; readonly why: string}
  /** The step waits for somebody else. */
  | {readonly say: 'waits'; readonly step: StepId; readonly why: string}
  /** The phase ends early: at `step`, for a reason that a later message or prompt tells. */
  | {readonly say: 'broken'; readonly step: StepId; readonly why: string}
  /** The ghost needs the terminal for itself and waits for `clear`. */
  | {readonly say: 'terminal'}
  /** The prompt on the terminal is over, and its line is still to be ended. */
  | {readonly say: 'answered'}
  /** Why it asks again, in lines. */
  | {readonly say: 'objection'; readonly text: string}
  | {readonly say: 'warning'; readonly text: string}
  /** A warning that cannot wait for the end of the session. */
  | {readonly say: 'notice'; readonly text: string}
  /** A system program is called (`--debug`). */
  | {readonly say: 'program'; readonly commandLine: string}
  | {readonly say: 'open'; readonly session: OpenVault}
  /** The key is right, and the private ghost of this init is to be entered by an `EnterPlan`. */
  | {readonly say: 'enter'; readonly init: InitId}
  /** The answer to an `ObservePlan`. */
  | {readonly say: 'observed'; readonly vault: Observation}
  /** What an `OpenPlan` with `adopt` has done. */
  | ({readonly say: 'adopted'} & Adopted)
  /** The answer to a `KeysPlan`: the key slots as they are now, and the one that was added, changed or removed. */
  | ({readonly say: 'keys'} & KeysAnswer)
  /** What became of an action of a `CleanPlan`. */
  | ({readonly say: 'acted'; readonly index: number} & CleanOutcome)
  | {
      readonly say: 'failure';
      readonly code: ExitCode;
      readonly what: string;
      readonly why?: string;
      readonly next?: string;
      /** What a program said, or where the error is from, for `--debug`. Fit for a terminal. */
      readonly cause?: string;
    }
  /** The session's program was stopped (Ctrl-Z): the CLI stops too, and says `resumed` when it goes on. */
  | {readonly say: 'stopped'}
  /** The session's program has ended with `code`; the vault stays open for the shells that have joined. */
  | {readonly say: 'lingers'; readonly code: number}
  /** What still ran when the session's program had ended, and was ended with it. The programs have chosen their names. */
  | {readonly say: 'leftBehind'; readonly programs: readonly string[]}
  /** The vault was closed under the session, which has ended. `why` is a sentence for the user. */
  | {readonly say: 'locked'; readonly why: string}
  /** The vault is closed; `code` is the ghost's exit code. */
  | {readonly say: 'ended'; readonly code: number};

/** How many files and directories of a vault have got another owner, and how many kept theirs: devices. */
export type Adopted = {readonly changed: number; readonly left: number};

export type KeysAnswer = {readonly keys: readonly KeySlot[]; readonly changed?: KeySlot};

/** What TazPod notes about a key that it adds. */
export type KeyKind = 'passphrase' | 'key-file' | 'recovery';

/** A key slot of an image, with nothing secret in it. */
export type KeySlot = {
  /** Its number, as cryptsetup shows it. */
  readonly slot: number;
  /** Absent for a key slot that TazPod did not create, or did before it gave names. */
  readonly name?: string;
  readonly kind?: KeyKind;
  /** The type of another program's token that knows how to get the key: `systemd-tpm2`. */
  readonly token?: string;
  readonly kdf: {readonly type: Pbkdf; readonly iterations: number; readonly memoryKiB?: number};
  /** Whether it is tried when the vault is opened. */
  readonly opensVault: boolean;
  /** Guessing its passphrase costs little. */
  readonly isWeak: boolean;
  /** This machine has the memory that its key derivation needs. */
  readonly fitsMemory: boolean;
};

export type CliMessage =
  /** Nothing more is drawn: the terminal is the ghost's. */
  | {readonly say: 'clear'}
  /** The CLI goes on after a stop, in the foreground or in the background. */
  | {readonly say: 'resumed'}
  /** A signal that the CLI got, for the session. */
  | {readonly say: 'signal'; readonly signal: SessionSignal};

/** The signals that the CLI passes on to the session. */
export type SessionSignal = (typeof sessionSignals)[number];
export const sessionSignals = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGUSR1', 'SIGUSR2'] as const;

/** An open vault, as its init process carries it in its arguments (`src/ghost/init.ts` writes, `src/vault` reads). */
export type OpenVault = {
  readonly uuid: string;
  readonly engine: EngineId;
  /** What serves the file system. */
  readonly fileSystem: 'ext4' | 'fuse2fs';
  readonly isolation: Isolation;
  /** Nothing in it can be changed; left out otherwise. */
  readonly readOnly?: true;
  /** Device and inode number of the image, `8:1:1234`. */
  readonly imageId: string;
  readonly image: string;
  readonly mountPoint: string;
  /** The user whose session it is. */
  readonly uid: number;
  /** What its volume key is known by, when somebody wants to join: the image's header can be exchanged meanwhile. */
  readonly keyDigest: VolumeKeyDigest;
};
