/**
 * The lifecycle of a vault as one list of steps: what TazPod does, in the order in which it does it.
 *
 * The list has two readers. The CLI makes the listr2 task graph of it, the ghost executes it; neither can name a step
 * that the other does not know. What undoes a step is the kernel, wherever that is possible: then it happens for
 * any reason for which the ghost ends.
 */
export type Step = {
  readonly id: StepId;
  /** What a person reads beside the spinner. */
  readonly title: string;
  /** Steps that come before it. */
  readonly needs: readonly StepId[];
  /** What takes the step back when every process of the ghost is killed right after it. */
  readonly undoneBy: string;
};

export type StepId = (typeof steps)[number]['id'];

/** A stretch of the lifecycle that runs without asking anything. */
export type PhaseId = keyof typeof phases;

const nothing = 'nothing to undo';

export const steps = [
  {
    id: 'unshare',
    title: 'Enter a private mount namespace',
    needs: [],
    undoneBy: 'the kernel, with the last process in the namespace',
  },
  {
    id: 'lock',
    title: 'Take the lock of the vault',
    needs: ['unshare'],
    undoneBy: 'the kernel, with the descriptor that holds the flock',
  },
  {id: 'vet', title: 'Vet the LUKS2 header', needs: ['lock'], undoneBy: nothing},
  {
    id: 'allocate',
    title: 'Allocate the image',
    needs: ['unshare'],
    undoneBy: 'the kernel: the file has no name before it is whole (or a name that the next create removes)',
  },
  {id: 'luksFormat', title: 'Write the LUKS2 header', needs: ['allocate'], undoneBy: 'as allocate'},
  {
    id: 'unlock',
    title: 'Unlock a key slot',
    needs: ['vet'],
    undoneBy: 'the kernel, with the memory that holds the key',
  },
  {
    id: 'attach',
    title: 'Attach the encrypted device',
    needs: ['unlock'],
    undoneBy: 'the kernel: the FUSE connection ends with its descriptor, a mapping is marked for deferred removal',
  },
  {id: 'mkfs', title: 'Make the file system', needs: ['attach'], undoneBy: 'as allocate'},
  {id: 'publish', title: 'Give the image its name', needs: ['mkfs'], undoneBy: nothing},
  {id: 'check', title: 'Check the file system', needs: ['attach'], undoneBy: nothing},
  {
    id: 'mount',
    title: 'Mount the vault',
    needs: ['check'],
    undoneBy: 'the kernel, with the mount namespace; the loop device clears itself',
  },
  {
    id: 'adopt',
    title: 'Change the owner of the files',
    needs: ['mount'],
    undoneBy: 'nothing: what was not changed yet is changed by the next adoption',
  },
  {id: 'bridge', title: 'Bridge directories of the home', needs: ['mount'], undoneBy: 'as mount'},
  {
    id: 'seal',
    title: 'Seal the session',
    needs: ['bridge'],
    undoneBy: 'the kernel, with the last process in the namespaces',
  },
  {
    id: 'shell',
    title: 'Drop privileges and start the session',
    needs: ['seal'],
    undoneBy: 'the kernel: the init of the PID namespace has a parent-death signal, and all in it die with it',
  },
  {
    id: 'join',
    title: 'Join the open ghost',
    needs: ['vet'],
    undoneBy: 'the kernel: what joins has a parent-death signal',
  },
  {id: 'newKeyslot', title: 'Make the key slot on a copy of the header', needs: ['unlock'], undoneBy: nothing},
  {id: 'tryKeys', title: 'Try the keys on the changed copy', needs: ['vet'], undoneBy: nothing},
  {
    id: 'writeHeader',
    title: 'Write the header',
    needs: ['tryKeys'],
    undoneBy: 'nothing: of the two copies of the header, one is whole at any moment; the next change erases leftovers',
  },
  {id: 'endSessions', title: 'End the sessions', needs: [], undoneBy: nothing},
  {id: 'unmount', title: 'Unmount the vault', needs: ['endSessions'], undoneBy: nothing},
  {id: 'detach', title: 'Detach the device and forget the key', needs: ['unmount'], undoneBy: nothing},
] as const satisfies readonly {
  readonly id: string;
  readonly title: string;
  readonly needs: readonly string[];
  readonly undoneBy: string;
}[];

/** The phases, each an ordered list of steps. Between two phases the ghost may ask for a passphrase. */
export const phases = {
  prepare: ['unshare', 'lock', 'vet'],
  create: ['unshare', 'allocate', 'luksFormat', 'vet', 'unlock', 'attach', 'mkfs', 'publish'],
  unlock: ['unlock'],
  open: ['attach', 'check', 'mount', 'bridge', 'seal', 'shell'],
  adopt: ['attach', 'check', 'mount', 'adopt'],
  join: ['join'],
  openCreated: ['check', 'mount', 'bridge', 'seal', 'shell'],
  addKey: ['newKeyslot', 'tryKeys'],
  dropKey: ['tryKeys'],
  writeKeys: ['writeHeader'],
  close: ['endSessions', 'unmount', 'detach'],
} as const satisfies Record<string, readonly StepId[]>;

/** The step of an id. */
export function stepOf(id: StepId): Step {
  return steps.find((step) => step.id === id)!;
}
