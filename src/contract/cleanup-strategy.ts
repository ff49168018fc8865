import type {ContractVersion} from './contributions.ts';

/**
 * How a vault is closed, or what is left of one removed: a pure function from what was observed to what is to be done,
 * in that order. Nothing is done by the strategy itself, and the privileged side checks each action against this
 * vault's own resources.
 */
export type CleanupStrategy = {
  readonly contract: ContractVersion;
  readonly plan: (observed: ObservedVault) => readonly CleanupAction[];
};

/** What the kernel shows of one vault at one moment. */
export type ObservedVault = {
  readonly uuid?: string;
  readonly image: string;
  /** Inits of ghosts that have it open. */
  readonly ghosts: readonly Holder[];
  /** Processes that use what is mounted from it, wherever. */
  readonly holders: readonly Holder[];
  /** Mount points, each in the mount namespace of one process that sees it. */
  readonly mounts: readonly {readonly mountPoint: string; readonly pid: number; readonly shared: boolean}[];
  /** Device-mapper mappings of its LUKS UUID, as `dmsetup info` tells them. */
  readonly mappings: readonly {readonly name: string; readonly openCount: number; readonly deferredRemove: boolean}[];
  /** Loop devices on its image's inode. */
  readonly loops: readonly {readonly name: string; readonly autoclear: boolean}[];
};

export type Holder = {readonly pid: number; readonly startTicks: number; readonly command: string};

/** The closed set of what can be asked for. */
export type CleanupAction =
  | {readonly do: 'sync'; readonly mountPoint: string; readonly pid: number}
  | {readonly do: 'signal'; readonly holder: Holder; readonly signal: 'SIGHUP' | 'SIGTERM' | 'SIGKILL'}
  /** Wait until the holders have ended, at most so long. */
  | {readonly do: 'wait'; readonly ms: number}
  | {readonly do: 'unmount'; readonly mountPoint: string; readonly pid: number; readonly lazy: boolean}
  | {readonly do: 'close-mapping'; readonly name: string; readonly deferred: boolean}
  /** Replaces the mapping's table by one of errors, so that it can be removed under whoever holds it. */
  | {readonly do: 'force-remove-mapping'; readonly name: string}
  | {readonly do: 'detach-loop'; readonly name: string};
