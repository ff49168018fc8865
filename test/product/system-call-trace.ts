/** Files that were opened and programs that were started, by absolute path. */
export type Doings = {readonly files: readonly string[]; readonly programs: readonly string[]};

export type Trace = {
  /**
   * What processes do between two programs: from the one that `begins` it, in that process and all that descend from
   * it, until one `ends` it.
   */
  readonly privileged: (stretch: {
    readonly begins: (program: string, argv: string) => boolean;
    readonly ends: (program: string, argv: string) => boolean;
  }) => Doings;
};

type Call = {readonly pid: number; readonly name: string; readonly args: string; readonly result: number};

/** Reads what `strace -f -o FILE` has written of execve, open, openat and the calls that make processes. */
export function readTrace(text: string): Trace {
  const calls = parseCalls(text);
  return {
    privileged: ({begins, ends}) => {
      const inside = new Set<number>();
      const files = new Set<string>();
      const programs = new Set<string>();
      for (const {pid, name, args, result} of calls) {
        if (result < 0) continue;
        const [, path] = /"((?:[^"\\]|\\.)*)"/.exec(args) ?? [];
        if (/^(clone|clone3|fork|vfork)$/.test(name)) {
          if (inside.has(pid)) inside.add(result);
        } else if (name.startsWith('execve') && path !== undefined) {
          if (begins(path, args)) inside.add(pid);
          if (ends(path, args)) inside.delete(pid);
          else if (inside.has(pid)) programs.add(path);
        } else if (inside.has(pid) && path?.startsWith('/') === true) {
          files.add(path);
        }
      }
      return {files: [...files], programs: [...programs]};
    },
  };
}

/**
 * `PID name(args) = result`. A call that another process interrupts is written in two parts, `<unfinished ...>` and
 * `<... name resumed>`; here it stands where it ended, but a clone where it began, before the child's first call.
 */
function parseCalls(text: string): Call[] {
  const unfinished = new Map<number, string>();
  return text.split('\n').flatMap((line) => {
    const [, pid, rest] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    if (pid === undefined || rest === undefined) return [];
    if (rest.endsWith('<unfinished ...>')) {
      unfinished.set(Number(pid), rest.replace(/<unfinished \.\.\.>$/, ''));
      return [];
    }
    const resumed = /^<\.\.\. \S+ resumed>(.*)$/.exec(rest);
    const whole = resumed === null ? rest : `${unfinished.get(Number(pid)) ?? ''}${resumed[1]!}`;
    const [, name, args, result] = /^(\w+)\((.*)\)\s+= (-?\d+)/.exec(whole) ?? [];
    if (name === undefined || args === undefined) return [];
    return {pid: Number(pid), name, args, result: Number(result)};
  });
}
