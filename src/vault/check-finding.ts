/** One thing that `vault check` looked at. Plain data: it is printed as a row or as JSON. */
export type VaultFinding = {
  /** Stable name, for scripts. */
  readonly id: string;
  /**
   * `error`: the vault does not open, or its data is in danger. `warning`: it works, and something should be done.
   * `skipped`: it could not be looked at.
   */
  readonly severity: 'ok' | 'warning' | 'error' | 'skipped';
  /** One or two sentences. */
  readonly detail: string;
  /** The command that mends it. Absent if none does. */
  readonly fix?: string;
};

/** A finding that something is to be done about. */
export function warning(id: string, detail: string, fix?: string): VaultFinding {
  return {id, severity: 'warning', detail, ...(fix === undefined ? {} : {fix})};
}

export function error(id: string, detail: string, fix?: string): VaultFinding {
  return {id, severity: 'error', detail, ...(fix === undefined ? {} : {fix})};
}

/** What was looked at, if nothing was found about it. */
export function orFine(found: readonly VaultFinding[], id: string, detail: string): readonly VaultFinding[] {
  return found.length > 0 ? found : [{id, severity: 'ok', detail}];
}
