import type {ContractVersion, LatchDeclaration} from './contributions.ts';

/** A shell that TazPod is made comfortable in. Renders code from data: no process of TazPod's runs when one starts. */
export type Shell = {
  readonly contract: ContractVersion;
  /** The code that an interactive shell reads at its start. */
  renderSnippet(input: ShellInput): string;
  /** The one line of the start-up file that reads the code of the snippet from a file. */
  renderSourceLine(snippetPath: string): string;
  /** The start-up file of interactive shells. */
  startUpFile(input: {
    readonly home: string;
    readonly environment: Readonly<Record<string, string | undefined>>;
  }): string;
  /** The completion alone, as a file for the directory where the shell looks for what packages bring. */
  renderCompletion?(commands: readonly ShellCommand[]): string;
};

export type ShellInput = {
  /** The absolute words that start TazPod: `/usr/local/bin/tazpod`. */
  readonly tazpod: readonly string[];
  readonly latches: readonly LatchDeclaration[];
  /**
   * The folder, relative to `$TAZPOD_VAULT`, with what a pull has rendered: `environment.sh` and `environment.fish`.
   * They are there inside the ghost only, and perhaps not yet.
   */
  readonly environmentFolder: string;
  /** What can be typed behind `tazpod`, for completion: `vault unlock`, its flags with their hyphens. */
  readonly commands: readonly ShellCommand[];
};

export type ShellCommand = {readonly id: string; readonly summary: string; readonly flags: readonly string[]};
