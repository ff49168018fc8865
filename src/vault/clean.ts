import {type FoundContributions} from '../extensions/contributions.ts';
import {loadModule} from '../extensions/load.ts';
import {type CleanAction, type CleanOutcome, isCleanAction, type Observation} from '../lifecycle/cleaning.ts';
import {maximumActions} from '../lifecycle/cleaning.ts';
import {printablePath} from '../foundation/printable.ts';
import type {GhostMessage} from '../lifecycle/message.ts';
import {type GhostPlan, planVersion} from '../lifecycle/plan.ts';
import {ghostEnded, nothingObserved, strategyBroken} from './failures.ts';
import {askGhost} from './ghost-call.ts';
import type {Presentation} from './presentation.ts';
import {readVaultState} from './state.ts';

/** The `result` of `vault clean --json`. */
export type CleanResult = {
  readonly image: string;
  readonly strategy: string;
  /** What there was. */
  readonly found: Observation;
  /** What was done about it, or would be. */
  readonly actions: readonly CleanedAction[];
  /** What is left; absent where nothing was done. */
  readonly left?: Observation;
};

/** An action and what became of it. */
export type CleanedAction = {
  readonly action: CleanAction;
  /** Absent where nothing was done: `--dry-run`. */
  readonly outcome?: 'done' | 'nothing' | 'refused' | 'failed';
  /** Why it was refused, or has failed. */
  readonly why?: string;
};

/** What is planned for a vault. */
export type Cleaning = {readonly found: Observation; readonly actions: readonly CleanAction[]};

/** Asks the kernel what there is of a vault, and a strategy what is to be done about it. Nothing is done. */
export async function planCleaning(
  image: string,
  strategy: string,
  contributions: FoundContributions,
  presentation: Presentation,
): Promise<Cleaning> {
  const {plugin, module} = await loadModule(contributions, 'cleanupStrategies', strategy);
  const found = await observeVault(image, presentation);
  const broken = (why: string, cause?: unknown) => strategyBroken(strategy, plugin.name, why, cause);
  let planned: unknown;
  try {
    planned = module.plan(found);
  } catch (error) {
    throw broken('It threw an error.', error);
  }
  if (!Array.isArray(planned) || planned.length > maximumActions || !planned.every(isCleanAction)) {
    throw broken('It did not return a list of actions.');
  }
  return {found, actions: planned};
}

/** Has the actions done, each as far as it is about this vault, and tells what came of it. */
export async function carryOutCleaning(
  strategy: string,
  {found, actions}: Cleaning,
  presentation: Presentation,
): Promise<CleanResult> {
  const outcomes = new Map<number, CleanOutcome>();
  const plan = {version: planVersion, operation: 'clean', image: found.image, actions} as const;
  await converse(plan, presentation, (message) => {
    if (message.say !== 'acted') return;
    const {index, say: _say, ...outcome} = message;
    outcomes.set(index, outcome);
  });
  return {
    image: found.image,
    strategy,
    found,
    actions: actions.map((action, index) => ({action, ...outcomes.get(index)})),
    left: await observeVault(found.image, presentation),
  };
}

/** Whether there is anything of a vault on this machine beside its image. */
export function isClean({ghosts, holders, mounts, mappings, loops}: Observation): boolean {
  return [ghosts, holders, mounts, mappings, loops].every((each) => each.length === 0);
}

/** What there is of a vault, for people: a line each. */
export function describeObservation({ghosts, holders, mounts, mappings, loops}: Observation): string[] {
  return [
    ...ghosts.map(({pid}) => `a ghost, with init process ${pid}`),
    ...holders.map(({pid, command}) => `process ${pid}, ${printablePath(command)}, uses it`),
    ...mounts.map(({mountPoint, pid}) => `mounted at ${printablePath(mountPoint)}, as process ${pid} sees it`),
    ...mappings.map(
      ({name, openCount, deferredRemove}) =>
        `the mapping ${printablePath(name)}, open ${openCount} times${deferredRemove ? ', marked for removal' : ''}`,
    ),
    ...loops.map(({name, autoclear}) => `the loop device ${name}${autoclear ? ', which detaches itself' : ''}`),
  ];
}

/** An action and what came of it, for people. */
export function describeAction({action, outcome, why}: CleanedAction): string {
  const ends = {
    done: '',
    nothing: ': no longer needed',
    refused: `: refused, ${why ?? ''}`,
    failed: `: ${why ?? ''}`,
  };
  return `${sentenceOf(action)}${outcome === undefined ? '' : ends[outcome]}`;
}

function sentenceOf(action: CleanAction): string {
  switch (action.do) {
    case 'sync':
      return `sync ${printablePath(action.mountPoint)}`;
    case 'signal':
      return `${action.signal} to process ${action.holder.pid}, ${printablePath(action.holder.command)}`;
    case 'wait':
      return `wait up to ${action.ms / 1000} s for the processes`;
    case 'unmount':
      return `unmount ${printablePath(action.mountPoint)}${action.lazy ? ' lazily' : ''}`;
    case 'close-mapping':
      return `remove the mapping ${printablePath(action.name)}${action.deferred ? ', or mark it for removal when no process has it open' : ''}`;
    case 'force-remove-mapping':
      return `empty the mapping ${printablePath(action.name)} for the processes that have it open`;
    case 'detach-loop':
      return `detach the loop device ${action.name}`;
  }
}

async function observeVault(image: string, presentation: Presentation): Promise<Observation> {
  let found: Observation | undefined;
  await converse({version: planVersion, operation: 'observe', image}, presentation, (message) => {
    if (message.say === 'observed') found = message.vault;
  });
  if (found === undefined) {
    throw nothingObserved();
  }
  return found;
}

async function converse(
  plan: Extract<GhostPlan, {operation: 'observe' | 'clean'}>,
  presentation: Presentation,
  listener: (message: GhostMessage) => void,
): Promise<void> {
  // Root would not believe a private ghost what it says that it is.
  const {session} = await readVaultState(plan.image);
  await askGhost(plan, session?.isolation, presentation, ghostEnded, listener);
}
