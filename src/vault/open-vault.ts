import {isatty} from 'node:tty';
import {findOwnHome} from '../config/own-home.ts';
import {standardTerminal} from '../kernel/terminal.ts';
import {displaced} from '../lifecycle/failures.ts';
import type {GhostMessage} from '../lifecycle/message.ts';
import {type OpenPlan, planVersion} from '../lifecycle/plan.ts';
import {collectBridges} from './bridges.ts';
import {callPatiently} from './call-patiently.ts';
import {chooseEscalation, type Escalation} from './escalation.ts';
import {noTerminalForPassphrase} from './failures.ts';
import {refuseWhatRootCannotSee} from './fuse-mount.ts';
import {callGhost, type GhostEnd} from './ghost-call.ts';
import {vaultHere} from './inside.ts';
import {prepareMountPoint} from './location.ts';
import type {OpenRequest} from './open-request.ts';
import {sharedFiles} from './outer-services.ts';
import type {Presentation} from './presentation.ts';
import {displacedVaultOf, vaultOf} from './running-vaults.ts';
import {sessionPlan} from './session-plan.ts';
import {SessionTerminal} from './session-terminal.ts';
import {ghostEntry} from './start-ghost.ts';
import {absorbCommand, describeStray, strayNames} from './stray-files.ts';
import {describeOpen, describeStillOpen} from './welcome.ts';

/** The path of a socket has 107 bytes, and temporary files of the session are in `.tazpod/tmp` in the vault. */
const longestForSockets = 107 - '/.tazpod/tmp/tmux-1000/default'.length - 20;

/** The exit code of the ghost's end, and what is known of the vault. Throws the Failure that the ghost told. */
export async function openVault(request: OpenRequest, presentation: Presentation): Promise<GhostEnd> {
  const {image, key} = request;
  if (displacedVaultOf(image) !== undefined) throw displaced();
  const escalation = await chooseEscalation(ghostEntry, request.isolation, isatty(0));
  const {home, remark} = findOwnHome();
  for (const each of [escalation.warning, remark]) if (each !== undefined) presentation.remark(each);
  if (escalation.isolation === 'sealed' && process.getuid!() !== 0) refuseWhatRootCannotSee(image, key);
  const mountPoint = prepareMountPoint(request.mountPoint, home);
  const {bridges, remarks} = collectBridges(request.bridges ?? [], {...request, home, mountPoint});
  for (const each of [...remarksOn(mountPoint), ...remarks]) presentation.remark(each);
  const callersTerminal = standardTerminal();
  const session = sessionPlan(request, callersTerminal?.path);
  if (key.from === 'terminal' && callersTerminal === undefined) throw noTerminalForPassphrase();

  const terminal = await SessionTerminal.save(callersTerminal, session?.ownTerminal === false);
  const listener = show(request, home, terminal, presentation);
  const call = async (): Promise<GhostEnd> => {
    // Made again for each try: a private ghost may have come or gone.
    const plan = openPlan(request, escalation, {mountPoint, home, bridges, session});
    const end = await callGhost(plan, escalation, listener, terminal.saved);
    if (end.enter === undefined || session === undefined) return end;
    const enter = {version: planVersion, operation: 'enter', init: end.enter, session} as const;
    return callGhost(enter, escalation, listener, terminal.saved);
  };
  try {
    const end = escalation.isolation === 'private' ? await callPatiently(request, call, presentation) : await call();
    if (end.failure !== undefined) throw end.failure;
    await presentation.clear();
    // A user who leaves a vault that other sessions still use has not locked it.
    const stillOpen = session === undefined ? undefined : vaultOf(image);
    if (stillOpen !== undefined) presentation.tell(describeStillOpen(stillOpen));
    return end;
  } finally {
    await presentation.clear();
    await terminal.restore();
  }
}

function remarksOn(mountPoint: string): string[] {
  const bytes = Buffer.byteLength(mountPoint);
  const stray = vaultHere() === undefined ? strayNames(mountPoint) : [];
  return [
    ...(bytes <= longestForSockets
      ? []
      : [
          `The mount point's path has ${bytes} bytes: programs that put a socket into their ` +
            'temporary directory (tmux, gpg, ssh) may fail in the session. Choose a shorter one with --mount-point DIR.',
        ]),
    ...(stray.length === 0 ? [] : [`${describeStray(mountPoint, stray)} Next: ${absorbCommand}`]),
  ];
}

function openPlan(
  request: OpenRequest,
  {isolation}: Escalation,
  prepared: Pick<OpenPlan, 'mountPoint' | 'home' | 'bridges'> & {readonly session: OpenPlan['session'] | undefined},
): OpenPlan {
  const {image, key, ifOpen = 'join', waitMs = 0, share = [], engine, create, adopt, readOnly} = request;
  const {session, ...places} = prepared;
  return {
    ...{version: planVersion, operation: 'open', image, ...places, key, ifOpen, waitMs},
    shared: sharedFiles(process.env, share),
    ...(isolation === 'private' ? privateGhostOf(image) : {}),
    ...(engine === undefined ? {} : {engine}),
    ...(create === undefined ? {} : {create}),
    ...(adopt === undefined ? {} : {adopt}),
    ...(readOnly ? {readOnly: true} : {}),
    ...(session === undefined ? {} : {session}),
  };
}

/** What has the image open and can be joined by its own user only. */
function privateGhostOf(image: string): Pick<OpenPlan, 'privateGhost'> {
  const vault = vaultOf(image);
  if (vault?.isolation !== 'private') return {};
  const {pid, startTicks} = vault.init;
  return {privateGhost: {init: {pid, startTicks}, keyDigest: vault.keyDigest}};
}

/** Shows the messages of the ghost, and gives the terminal to the session and back. */
function show({welcome}: OpenRequest, home: string, terminal: SessionTerminal, presentation: Presentation) {
  let greeting: string | undefined;
  return async (message: GhostMessage): Promise<void> => {
    if (message.say === 'open' && welcome) greeting = describeOpen(message.session, home);
    if (message.say === 'terminal') await terminal.share();
    // A session that was killed has left the terminal as its relay needed it.
    if (message.say === 'locked' || (message.say === 'phase' && message.phase === 'close')) await terminal.restore();
    await presentation.show(message);
    if (message.say !== 'terminal' || greeting === undefined) return;
    presentation.tell(greeting);
    greeting = undefined;
  };
}
