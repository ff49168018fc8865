/**
 * What plugins of TazPod implement. Types only: a plugin imports them with `import type` and nothing of the core at
 * run time. `docs/plugins.md` is the guide.
 */
export type {ContractVersion, Contributions, BridgeDeclaration, LatchDeclaration} from './contributions.ts';
export type {
  BackendContext,
  BackendError,
  Folder,
  FolderAnswer,
  IsPulled,
  LoginAnswer,
  LoginRequest,
  PrivateStore,
  Secret,
  SecretBackend,
} from './secret-backend.ts';
export type {Shell, ShellCommand, ShellInput} from './shell.ts';
export type {CleanupAction, CleanupStrategy, Holder, ObservedVault} from './cleanup-strategy.ts';
