import {isObject} from '../foundation/shape.ts';

/**
 * What both sides of the privilege line know of cleaning: what was observed of a vault, and what can be done about it.
 * The same as in `src/contract/cleanup-strategy.ts`, which plugins compile against.
 */
export type Observation = {
  readonly uuid?: string;
  readonly image: string;
  readonly ghosts: readonly ObservedProcess[];
  readonly holders: readonly ObservedProcess[];
  readonly mounts: readonly {readonly mountPoint: string; readonly pid: number; readonly shared: boolean}[];
  readonly mappings: readonly {readonly name: string; readonly openCount: number; readonly deferredRemove: boolean}[];
  readonly loops: readonly {readonly name: string; readonly autoclear: boolean}[];
};

export type ObservedProcess = {readonly pid: number; readonly startTicks: number; readonly command: string};

export type CleanAction =
  | {readonly do: 'sync'; readonly mountPoint: string; readonly pid: number}
  | {readonly do: 'signal'; readonly holder: ObservedProcess; readonly signal: 'SIGHUP' | 'SIGTERM' | 'SIGKILL'}
  | {readonly do: 'wait'; readonly ms: number}
  | {readonly do: 'unmount'; readonly mountPoint: string; readonly pid: number; readonly lazy: boolean}
  | {readonly do: 'close-mapping'; readonly name: string; readonly deferred: boolean}
  | {readonly do: 'force-remove-mapping'; readonly name: string}
  | {readonly do: 'detach-loop'; readonly name: string};

/** What became of an action. */
export type CleanOutcome =
  /** What it was about is gone. */
  | {readonly outcome: 'done' | 'nothing'}
  /** It is not about this vault (`refused`), or the kernel would not (`failed`); `why` is a clause. */
  | {readonly outcome: 'refused' | 'failed'; readonly why: string};

/** As many as a plan may have, and as long as it may wait in all. */
export const maximumActions = 2000;
export const maximumWaitMs = 60_000;

const fields: Readonly<Record<CleanAction['do'], Readonly<Record<string, (value: unknown) => boolean>>>> = {
  sync: {mountPoint: isPath, pid: isNumber},
  signal: {holder: isProcess, signal: (value) => ['SIGHUP', 'SIGTERM', 'SIGKILL'].includes(value as string)},
  wait: {ms: (value) => isNumber(value) && (value as number) <= maximumWaitMs},
  unmount: {mountPoint: isPath, pid: isNumber, lazy: isBoolean},
  'close-mapping': {name: isName, deferred: isBoolean},
  'force-remove-mapping': {name: isName},
  'detach-loop': {name: (value) => typeof value === 'string' && /^loop\d{1,7}$/.test(value)},
};

/** Whether a value is one of the actions, with their fields and no other. */
export function isCleanAction(value: unknown): value is CleanAction {
  if (!isObject(value) || typeof value['do'] !== 'string') return false;
  const expected = Object.hasOwn(fields, value['do']) ? fields[value['do'] as CleanAction['do']] : undefined;
  return expected !== undefined && hasExactly(value, {...expected, do: () => true});
}

function isProcess(value: unknown): boolean {
  const expected = {pid: isNumber, startTicks: isNumber, command: (command: unknown) => typeof command === 'string'};
  return isObject(value) && hasExactly(value, expected);
}

function hasExactly(value: object, expected: Readonly<Record<string, (value: unknown) => boolean>>): boolean {
  const entries = Object.entries(value);
  return (
    entries.length === Object.keys(expected).length &&
    entries.every(([key, each]) => Object.hasOwn(expected, key) && expected[key]!(each))
  );
}

function isNumber(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isBoolean(value: unknown): boolean {
  return typeof value === 'boolean';
}

function isPath(value: unknown): boolean {
  return (
    typeof value === 'string' && /^(\/[^/\0]+)+$/.test(value) && value.length < 4096 && !/\/\.\.?(\/|$)/.test(value)
  );
}

/** Names of mappings: what begins like an option is not one. */
function isName(value: unknown): boolean {
  return typeof value === 'string' && /^[\w+:@.][\w+:@.-]{0,126}$/.test(value);
}
