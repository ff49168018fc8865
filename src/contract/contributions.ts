/** The number of this contract. A plugin says which one it was written for, and it is compared by value. */
export type ContractVersion = 1;

/**
 * The `tazpod` section of a plugin's package.json: everything that it contributes. The core reads it without running
 * the plugin's code, and loads a module only when it is used. Paths are relative to the package's folder and stay in
 * it. Each module has one default export, of the type named here.
 */
export type Contributions = {
  readonly contract: ContractVersion;
  /** Name → module with a `SecretBackend`. */
  readonly secretBackends?: Readonly<Record<string, string>>;
  /** Name of the shell's program → module with a `Shell`. */
  readonly shells?: Readonly<Record<string, string>>;
  /** Name → module with a `CleanupStrategy`. */
  readonly cleanupStrategies?: Readonly<Record<string, string>>;
  readonly bridges?: readonly BridgeDeclaration[];
  readonly latches?: readonly LatchDeclaration[];
  /** A YAML file in the form of `config.yaml`: what holds where nobody else says otherwise. */
  readonly defaults?: string;
};

/** A directory of the home that lives in the vault. Both are relative paths without `.` and `..`. */
export type BridgeDeclaration = {
  /** Below the home: `.infisical`. */
  readonly home: string;
  /** Below the vault's root: `.auth-infisical`. */
  readonly vault: string;
  /** The program that it is for. Without it in PATH, and without the directory, there is no bridge. */
  readonly command?: string;
};

/** A command that is kept from running outside the vault. A comfort, not a boundary. */
export type LatchDeclaration = {
  /** The name of a program: no path. */
  readonly command: string;
  /** Shown when it is kept from running: "its memory lives in the vault". */
  readonly reason?: string;
};
