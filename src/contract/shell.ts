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
};

export type ShellInput = {
  /** The absolute words that start TazPod: `/usr/local/bin/tazpod`. */
  readonly tazpod: readonly string[];
  readonly latches: readonly LatchDeclaration[];
  /** The environment that a pull has rendered for this shell; there inside the ghost only, and perhaps not yet. */
  readonly environmentFile: string;
  /** Ids of commands and their flags, for completion. */
  readonly commands: readonly {readonly id: string; readonly summary: string; readonly flags: readonly string[]}[];
};
