import type {CleanupAction, CleanupStrategy, Holder, ObservedVault} from 'tazpod/contract';

/** How long a process has to end by itself. */
const graceMs = 3000;
/** How long the kernel may need after a SIGKILL. */
const killMs = 2000;

/**
 * Gently first, and then less so, each vault's own things only:
 *
 * 1. What was written is brought to the disk, and everybody who uses the vault is asked to end.
 * 2. What is mounted is unmounted as usual.
 * 3. Who is still there is killed; the init of a ghost takes everything of its namespaces along.
 * 4. What is still mounted is detached from the tree, even if a process holds it.
 * 5. Mappings are removed, or marked so that the kernel removes them with their last user. One that is held by nobody
 *    to be seen (the mount of a container that died) is emptied, so that the kernel releases key and image at once.
 * 6. Loop devices are detached.
 *
 * What an earlier step has done already, a later one finds undone and skips; so it can be planned in one go.
 */
export function plan(vault: ObservedVault): readonly CleanupAction[] {
  const {ghosts, holders, mappings, loops} = vault;
  const mounts = deepestFirst(vault.mounts);
  const processes = [...holders, ...ghosts];
  return [
    ...mounts.map(({mountPoint, pid}) => ({do: 'sync', mountPoint, pid}) as const),
    ...holders.flatMap((holder) => [signal(holder, 'SIGHUP'), signal(holder, 'SIGTERM')]),
    ...(processes.length === 0 ? [] : [wait(graceMs)]),
    ...mounts.map(({mountPoint, pid}) => ({do: 'unmount', mountPoint, pid, lazy: false}) as const),
    ...processes.map((each) => signal(each, 'SIGKILL')),
    ...(processes.length === 0 ? [] : [wait(killMs)]),
    ...mounts.map(({mountPoint, pid}) => ({do: 'unmount', mountPoint, pid, lazy: true}) as const),
    ...mappings.flatMap(({name, openCount}) => {
      const unseen = openCount > 0 && mounts.length === 0 && processes.length === 0;
      return [
        {do: 'close-mapping', name, deferred: true} as const,
        ...(unseen ? [{do: 'force-remove-mapping', name} as const] : []),
      ];
    }),
    ...loops.map(({name}) => ({do: 'detach-loop', name}) as const),
  ];
}

/** A mount that lies in another one comes before it. The same place twice is two mounts, one over the other. */
function deepestFirst(mounts: ObservedVault['mounts']): ObservedVault['mounts'] {
  const depth = (path: string) => path.split('/').length;
  return [...mounts].sort((one, other) => depth(other.mountPoint) - depth(one.mountPoint));
}

function signal(holder: Holder, name: 'SIGHUP' | 'SIGTERM' | 'SIGKILL'): CleanupAction {
  return {do: 'signal', holder, signal: name};
}

function wait(ms: number): CleanupAction {
  return {do: 'wait', ms};
}

const strategy: CleanupStrategy = {contract: 1, plan};

export default strategy;
