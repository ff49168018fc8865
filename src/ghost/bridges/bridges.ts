import {once} from 'node:events';
import {closeSync} from 'node:fs';
import {createInterface} from 'node:readline';
import {ownNode} from '../../kernel/own-node.ts';
import {programPath, run, startBound} from '../../kernel/program.ts';
import type {Failure} from '../../foundation/failure.ts';
import type {BridgePlan, OpenPlan} from '../../lifecycle/plan.ts';
import {ownProgram} from '../../lifecycle/own-files.ts';
import {bridgeNotMounted, bridgeRefused, bridgesNotPrepared} from '../failures.ts';
import type {BridgeOrder, BridgeReport} from './bridge-worker.ts';
import type {Caller} from '../caller.ts';
import {openBridge} from '../plan/check-plan.ts';
import {printablePath} from '../../foundation/printable.ts';
import {runAsCaller} from '../run-as-caller.ts';
import type {SessionNamespaces} from '../session/session.ts';

/** What was bridged, and what the user should know of it, a sentence or two each. */
export type Bridged = {readonly bridges: readonly BridgePlan[]; readonly remarks: readonly string[]};

/**
 * Binds directories of the vault over directories of the home, in the ghost's mount namespace only. Before that, what
 * lies in the home's directory is moved into the vault, and missing ends are made, both by a process that is the
 * caller's in every respect (`bridge-worker.ts`).
 *
 * Safe as root: of what that process says only names and numbers are taken, for sentences. Both ends are then opened
 * again: directories of the caller's, with the caller's ids and through no symbolic link; and the bind is made through
 * the two descriptors: the source by its number, the target as the working directory. It has the vault's own `nosuid` and
 * `nodev`, because a bind mount takes over the flags of the mount that it is made from.
 */
export async function mountBridges(caller: Caller, homeFd: number, plan: OpenPlan): Promise<Bridged> {
  const worker = ['-c', 'exec "$0" "$@"', ...ownNode, workerPath];
  const {code, stdout} = await runAsCaller(caller, 'sh', worker, [], order(plan));
  if (code !== 0) throw bridgesNotPrepared();
  return bindEach(plan, parseReports(stdout.toString('utf8'), plan), async (bridge) => {
    const [homeEnd, vaultEnd] = openBridge(caller, homeFd, plan.mountPoint, bridge);
    try {
      const bind = ['--no-canonicalize', '--bind', '/proc/self/fd/3', '.'];
      // By its own number in the child, which has this process's descriptors until it becomes mount(8). Another process's
      // need CAP_SYS_PTRACE, which root in a container lacks. The child's descriptor 3 is another one by then, but
      // this process has had more open than that from its start.
      const cwd = `/proc/self/fd/${homeEnd}`;
      return await run('mount', bind, {descriptors: [vaultEnd], cwd});
    } finally {
      closeSync(homeEnd);
      closeSync(vaultEnd);
    }
  });
}

/**
 * The same in the user's own namespaces: the vault is mounted in those of fuse2fs, and the kernel lets only a process
 * of the same user namespace look into it. Such a one opens the ends, and the ghost, which owns the namespaces, binds
 * what it has opened. No line is crossed: everything here is the user's.
 */
export async function mountBridgesPrivately(
  namespaces: Extract<SessionNamespaces, {isolation: 'private'}>,
  plan: OpenPlan,
): Promise<Bridged> {
  const enter = ['--user=/proc/self/fd/3', '--mount=/proc/self/fd/4', '--preserve-credentials', '--'];
  const worker = startBound('nsenter', [...enter, ...ownNode, workerPath], {
    stdio: ['pipe', 'pipe', 'ignore', namespaces.userFd, namespaces.mountFd],
  });
  const ended = once(worker, 'close');
  try {
    worker.stdin!.on('error', () => {});
    worker.stdin!.write(order(plan));
    const lines = createInterface({input: worker.stdout!});
    const line = await Promise.race([
      once(lines, 'line').then(([text]: string[]) => text),
      ended.then(() => undefined),
    ]);
    if (line === undefined) throw bridgesNotPrepared();
    return await bindEach(plan, parseReports(line, plan), (_bridge, {homeFd, vaultFd}) => {
      const end = (fd: number) => `/proc/${worker.pid}/fd/${fd}`;
      const bind = ['mount', '--no-canonicalize', '--bind', end(vaultFd), end(homeFd)];
      return run('nsenter', ['--mount=/proc/self/fd/3', '--', programPath('mount'), ...bind.slice(1)], {
        descriptors: [namespaces.mountFd],
      });
    });
  } finally {
    worker.stdin!.end();
    await ended;
  }
}

const workerPath = ownProgram('ghost/bridges/bridge-worker');

function order({home, mountPoint, bridges}: OpenPlan): Buffer {
  const asked: BridgeOrder = {home, mountPoint, bridges};
  return Buffer.from(`${JSON.stringify(asked)}\n`);
}

type Ready = Extract<BridgeReport, {state: 'ready'}>;

async function bindEach(
  plan: OpenPlan,
  reports: readonly BridgeReport[],
  bind: (bridge: BridgePlan, ready: Ready) => ReturnType<typeof run>,
): Promise<Bridged> {
  const bridges: BridgePlan[] = [];
  const remarks: string[] = [];
  for (const [index, report] of reports.entries()) {
    const bridge = plan.bridges[index]!;
    if (report.state === 'refused') throw refusedEnd(bridge, report, plan);
    remarks.push(...remarksOn(bridge, report, plan));
    if (report.state === 'left out') continue;
    const bound = await bind(bridge, report);
    if (bound.code !== 0) {
      throw bridgeNotMounted(bound.stderr);
    }
    bridges.push(bridge);
  }
  return {bridges, remarks};
}

function remarksOn(bridge: BridgePlan, report: Exclude<BridgeReport, {state: 'refused'}>, plan: OpenPlan): string[] {
  const home = printablePath(`~/${bridge.home}`);
  if (report.state === 'left out') {
    const what = report.path === '' ? '' : ` ${printablePath(`${home}/${report.path}`)}:`;
    return [`${home} is not bridged, and its files stay outside the vault:${what} ${printablePath(report.why)}.`];
  }
  const moved = report.moved.map(({place, entries, bytes}) => {
    const size = `${entries} ${entries === 1 ? 'entry' : 'entries'}, ${Math.ceil(bytes / 1024)} KiB`;
    return place === bridge.vault
      ? `${home} is now in the vault: TazPod moved its files (${size}) there.`
      : `There were new files in ${home} outside the vault (${size}). TazPod moved them to ` +
          `${printablePath(`${plan.mountPoint}/${place}`)}; please compare them with those in the vault.`;
  });
  const remaining = `Some files in ${home} could not be removed outside the vault. The vault has copies of them.`;
  return [...moved, ...(report.remaining > 0 ? [remaining] : [])];
}

function refusedEnd(
  bridge: BridgePlan,
  {end, code}: Extract<BridgeReport, {state: 'refused'}>,
  plan: OpenPlan,
): Failure {
  const path = printablePath(end === 'home' ? `${plan.home}/${bridge.home}` : `${plan.mountPoint}/${bridge.vault}`);
  return bridgeRefused(path, code, end);
}

/** What came from a process of the user's is looked at before it is used. */
function parseReports(text: string, {bridges}: OpenPlan): readonly BridgeReport[] {
  try {
    const reports = JSON.parse(text) as unknown;
    if (Array.isArray(reports) && reports.length === bridges.length && reports.every(isReport)) return reports;
  } catch {
    // As below.
  }
  throw bridgesNotPrepared();
}

function isReport(value: unknown): value is BridgeReport {
  const report = value as {readonly [Key in string]?: unknown};
  const texts = (...names: string[]) => names.every((name) => typeof report[name] === 'string');
  const counts = (...names: string[]) => names.every((name) => Number.isSafeInteger(report[name]));
  switch (report['state']) {
    case 'ready':
      return (
        counts('homeFd', 'vaultFd', 'remaining') && Array.isArray(report['moved']) && report['moved'].every(isMoved)
      );
    case 'left out':
      return texts('path', 'why');
    case 'refused':
      return texts('code') && (report['end'] === 'home' || report['end'] === 'vault');
    default:
      return false;
  }
}

function isMoved(value: unknown): boolean {
  const moved = value as {readonly [Key in string]?: unknown};
  return typeof moved['place'] === 'string' && ['entries', 'bytes'].every((name) => Number.isSafeInteger(moved[name]));
}
