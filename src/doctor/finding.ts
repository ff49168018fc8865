/** One thing that `tazpod doctor` looked at. Plain data: it is printed as a row or as JSON. */
export type Finding = {
  /** Stable name, for scripts. */
  readonly id: FindingId;
  /** What a person reads first, two or three words. */
  readonly title: string;
  /**
   * `ok`: nothing to do. `warning`: TazPod works, but less well or less safely than it could. `missing`: something
   * without which no vault can be opened here.
   */
  readonly verdict: Verdict;
  /** One or two sentences. */
  readonly detail: string;
  /** The command that fixes it. Absent if none does. */
  readonly fix?: string;
};

export type Verdict = 'ok' | 'warning' | 'missing';

export type FindingId =
  | 'node'
  | 'cryptsetup'
  | 'util-linux'
  | 'e2fsprogs'
  | 'fuse2fs'
  | 'namespaces'
  | 'devpts'
  | 'ext4'
  | 'fuse'
  | 'loop'
  | 'device-mapper'
  | 'user-namespaces'
  | 'sudo'
  | 'privileged-entry'
  | 'swap'
  | 'memory'
  | 'core-dumps'
  | 'tracing'
  | 'terminal'
  | 'temporary'
  | 'mount-point'
  | 'proc'
  | 'aliases';
