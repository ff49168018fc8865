import {existsSync} from 'node:fs';
import {userInfo} from 'node:os';
import {basename} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {isatty} from 'node:tty';
import {findOwnHome} from '../config/own-home.ts';
import {isExecutable} from '../foundation/access.ts';
import {exitCode} from '../foundation/exit-code.ts';
import type {GhostMessage} from '../lifecycle/message.ts';
import {
  type CreatePlan,
  type EngineId,
  type Isolation,
  type KeySource,
  type OpenPlan,
  planVersion,
  type SessionPlan,
} from '../lifecycle/plan.ts';
import {isLocked} from '../kernel/file-lock.ts';
import {displacedVaults, readOpenVaults, type RunningVault} from '../kernel/open-vaults.ts';
import {displaced, openInOtherMode} from '../lifecycle/failures.ts';
import {readProcessStatus} from '../kernel/process-record.ts';
import {inForeground, restoreTerminal, saveTerminal, setTerminal, standardTerminal} from '../kernel/terminal.ts';
import type {ShareName} from '../foundation/share.ts';
import {collectBridges, type DeclaredBridge} from './bridges.ts';
import {chooseEscalation} from './escalation.ts';
import {alreadyOpen, noTerminalForPassphrase, shellUnusable} from './failures.ts';
import {refuseWhatRootCannotSee} from './fuse-mount.ts';
import {callGhost, type GhostEnd, ghostEntry} from './ghost-call.ts';
import {vaultHere} from './inside.ts';
import {imageIdOf} from './state.ts';
import {absorbCommand, describeStray, strayNames} from './stray-files.ts';
import {describeLeftBehind} from './left-behind.ts';
import {type GraphStyle, LifecycleGraph} from './graph.ts';
import {currentFolder, prepareMountPoint} from './location.ts';
import {environmentInside, sharedFiles} from './outer-services.ts';
import {exactVariables} from './exact-words.ts';
import {describeStillOpen, describeOpen} from './welcome.ts';

/** The path of a socket has 107 bytes, and temporary files of the session are in `.tazpod/tmp` in the vault. */
const longestForSockets = 107 - '/.tazpod/tmp/tmux-1000/default'.length - 20;

/** What a command asks for when it opens or makes a vault. */
export type OpenRequest = {
  readonly image: string;
  readonly mountPoint?: string | undefined;
  readonly key: KeySource;
  readonly ifOpen?: 'join' | 'refuse' | undefined;
  /** How long to wait for another process that is opening or closing the vault. */
  readonly waitMs?: number;
  readonly engine?: EngineId | undefined;
  readonly isolation?: Isolation | undefined;
  readonly create?: CreatePlan;
  /** Directories of the home that live in the vault. */
  readonly bridges?: readonly DeclaredBridge[];
  /** Services of the login outside that the session may use. */
  readonly share?: readonly ShareName[] | undefined;
  /** Nothing in the vault can be changed, and the image is only read. */
  readonly readOnly?: boolean | undefined;
  /** Everything in the vault becomes the user's, and there is no session. */
  readonly adopt?: true;
  /** The command of the session; absent: the vault is only made, or adopted. */
  readonly command?: readonly string[];
  /** The session is a shell that the user types at: it begins with a line about the vault. */
  readonly welcome?: boolean;
  /** Nobody types into the session: it gets no terminal of its own, and the caller's stays as it is. */
  readonly unattended?: boolean;
};

/** How a command shows what happens. */
export type Presentation = {
  readonly style: GraphStyle;
  /** Show the programs that are called. */
  readonly debug: boolean;
  remark(text: string): void;
  /** A line for people, left out if they asked for silence. */
  tell(text: string): void;
  /** Asks for yes or no; an empty answer means yes. */
  confirm(question: string): Promise<boolean>;
  /** A warning in the middle of a session, whose terminal is in raw mode. */
  notice(text: string): void;
};

const waitPollMs = 200;
/** After this time TazPod tells the user what it waits for. */
const silentMs = 1000;

/** The exit code of the ghost's end, and what is known of the vault. Throws the Failure that the ghost told. */
export async function openVault(request: OpenRequest, presentation: Presentation): Promise<GhostEnd> {
  if (displacedVaults(request.image, imageIdOf(request.image), process.getuid!()).length > 0) throw displaced();
  const escalation = await chooseEscalation(ghostEntry, request.isolation, isatty(0));
  if (escalation.warning !== undefined) presentation.remark(escalation.warning);
  const {home, remark} = findOwnHome();
  if (remark !== undefined) presentation.remark(remark);
  if (escalation.isolation === 'sealed' && process.getuid!() !== 0) refuseWhatRootCannotSee(request.image, request.key);
  const terminal = standardTerminal();
  const mountPoint = prepareMountPoint(request.mountPoint, home);
  if (Buffer.byteLength(mountPoint) > longestForSockets) {
    presentation.remark(
      `The mount point's path has ${Buffer.byteLength(mountPoint)} bytes: programs that put a socket into their ` +
        'temporary directory (tmux, gpg, ssh) may fail in the session. Choose a shorter one with --mount-point DIR.',
    );
  }
  const stray = vaultHere() === undefined ? strayNames(mountPoint) : [];
  if (stray.length > 0) presentation.remark(`${describeStray(mountPoint, stray)} Next: ${absorbCommand}`);
  const {bridges, remarks} = collectBridges(request.bridges ?? [], {...request, home, mountPoint});
  for (const remark of remarks) presentation.remark(remark);
  const session = request.command === undefined ? undefined : sessionPlan(request, request.command, terminal?.path);
  // Made again for each try: a private ghost may have come or gone.
  const makePlan = (): OpenPlan => ({
    version: planVersion,
    operation: 'open',
    image: request.image,
    mountPoint,
    home,
    key: request.key,
    ifOpen: request.ifOpen ?? 'join',
    waitMs: request.waitMs ?? 0,
    bridges,
    shared: sharedFiles(process.env, request.share ?? []),
    ...(escalation.isolation === 'private' ? privateGhostOf(request.image) : {}),
    ...(request.engine === undefined ? {} : {engine: request.engine}),
    ...(request.create === undefined ? {} : {create: request.create}),
    ...(request.adopt === undefined ? {} : {adopt: request.adopt}),
    ...(request.readOnly ? {readOnly: true as const} : {}),
    ...(session === undefined ? {} : {session}),
  });
  if (request.key.from === 'terminal' && terminal === undefined) {
    throw noTerminalForPassphrase();
  }

  // The relay puts the terminal into raw mode; if it is killed, nobody but us is left to undo that.
  const saved = terminal && {terminal, settings: await saveTerminal(terminal.descriptor)};
  const restore = async () => {
    if (saved !== undefined && inForeground()) await restoreTerminal(saved.terminal.descriptor, saved.settings);
  };
  // Standard output may lead through a pipe to the same terminal, and what writes there knows nothing of raw mode.
  const shared = session?.ownTerminal === false && terminal !== undefined;
  const share = async () => {
    if (shared && inForeground()) await setTerminal(terminal.descriptor, ['opost']);
  };
  const stage = new Stage(presentation, restore, share, request.welcome === true ? home : undefined);
  try {
    const listener = {onMessage: (message: GhostMessage) => stage.present(message)};
    const call = async (): Promise<GhostEnd> => {
      const end = await callGhost(makePlan(), escalation, listener, saved);
      if (end.enter === undefined || session === undefined) return end;
      return callGhost(
        {version: planVersion, operation: 'enter', init: end.enter, session},
        escalation,
        listener,
        saved,
      );
    };
    const end = escalation.isolation === 'private' ? await callPatiently(request, call, presentation) : await call();
    if (end.failure !== undefined) throw end.failure;
    await stage.clear();
    if (request.command !== undefined) tellWhatIsStillOpen(request.image, presentation);
    return end;
  } finally {
    await stage.clear();
    await restore();
  }
}

/**
 * A private ghost cannot see other private ghosts from inside its user namespace, so the wait for one that opens or
 * closes the vault is here. A key from standard input can be read once only.
 */
async function callPatiently(
  request: OpenRequest,
  call: () => Promise<GhostEnd>,
  presentation: Presentation,
): Promise<GhostEnd> {
  const {image, key, ifOpen, readOnly, waitMs = 0} = request;
  const deadlineMs = performance.now() + waitMs;
  for (;;) {
    await untilOpenOrFree(image, deadlineMs, presentation);
    const running = openVaultAt(image);
    if (running !== undefined && (running.isolation === 'sealed' || ifOpen === 'refuse'))
      throw alreadyOpen(running.isolation);
    if (running !== undefined && (running.readOnly ?? false) !== (readOnly ?? false)) {
      throw openInOtherMode(running.readOnly);
    }
    const end = await call();
    const missed = end.failure?.code === exitCode.busy && end.vault === undefined;
    if (!missed || key.from === 'stdin' || performance.now() >= deadlineMs) return end;
  }
}

async function untilOpenOrFree(image: string, deadlineMs: number, presentation: Presentation): Promise<void> {
  const startMs = performance.now();
  for (let told = false; existsSync(image) && openVaultAt(image) === undefined; await sleep(waitPollMs)) {
    const free = await isLocked(image).then(
      (locked) => !locked,
      // The ghost says why it cannot be opened.
      () => true,
    );
    if (free || performance.now() >= deadlineMs) return;
    if (told || performance.now() - startMs < silentMs) continue;
    presentation.remark('Waiting for another process that is opening or closing the vault.');
    told = true;
  }
}

function openVaultAt(image: string): RunningVault | undefined {
  const imageId = imageIdOf(image);
  return readOpenVaults().find((open) => open.imageId === imageId);
}

/** What has the image open and can be joined by its own user only. */
function privateGhostOf(image: string): Pick<OpenPlan, 'privateGhost'> {
  const imageId = imageIdOf(image);
  const vault = readOpenVaults().find((open) => open.imageId === imageId && open.isolation === 'private');
  if (vault === undefined) return {};
  const {pid, startTicks} = vault.init;
  return {privateGhost: {init: {pid, startTicks}, keyDigest: vault.keyDigest}};
}

/** The user's own shell: what `SHELL` says, else the login name database. */
export function usersShell(environment: NodeJS.ProcessEnv = process.env): string {
  return environment['SHELL'] || loginShell() || '/bin/sh';
}

/**
 * The user's own shell, for a session. Throws a Failure (69) if it cannot run a session, before a passphrase is typed.
 */
export function sessionShell(environment: NodeJS.ProcessEnv = process.env): string {
  const shell = usersShell(environment);
  const why = noShells.has(basename(shell)) ? 'It exits at once.' : isProgram(shell) ? undefined : 'It cannot be run.';
  if (why === undefined) return shell;
  throw shellUnusable(shell, why);
}

/** What accounts have for a shell that nobody is to log in to. */
const noShells: ReadonlySet<string> = new Set(['nologin', 'false', 'true', 'sync']);

function loginShell(): string | null {
  try {
    return userInfo().shell;
  } catch {
    // A user need not be in the login name database.
    return null;
  }
}

function isProgram(path: string): boolean {
  // A name without a slash is looked for in PATH, inside.
  return !path.includes('/') || isExecutable(path);
}

function sessionPlan(
  {image, share = [], unattended = false}: OpenRequest,
  command: readonly string[],
  terminal: string | undefined,
): SessionPlan {
  const workingFolder = currentFolder();
  return {
    command,
    environment: {
      ...environmentInside(exactVariables(), share),
      // The variables must name the vault that a command inside is in.
      ...(process.env['TAZPOD_IMAGE'] ? {TAZPOD_IMAGE: image} : {}),
    },
    workingFolder,
    // A relay sets the terminal, and the kernel stops a process that does that from the background.
    ownTerminal: !unattended && [0, 1, 2].every((descriptor) => isatty(descriptor)) && inForeground(),
    ...(unattended || terminal === undefined ? {} : {terminal}),
    ...callersUmask(),
  };
}

/** Read from the kernel: process.umask() sets it to read it. */
function callersUmask(): {umask?: number} {
  const umask = readProcessStatus('self')?.umask;
  return umask === undefined ? {} : {umask};
}

/** Tells a user who leaves a vault that it is not locked, because other sessions still use it. */
function tellWhatIsStillOpen(image: string, presentation: Presentation): void {
  const running = openVaultAt(image);
  if (running !== undefined) presentation.tell(describeStillOpen(running));
}

/**
 * Ends the modes that a full-screen program sets (xterm's control sequences): the other screen, mouse reports, bracketed
 * paste, focus reports, a hidden cursor, application keys, colours. To leave the other screen brings the cursor back to
 * where it was saved, and it may never have been: so it is saved first, which each of the two screens does for itself.
 */
const plainScreen = '\u001b7\u001b[?1049l\u001b[?1000;1002;1003;1004;1006;2004l\u001b[?25h\u001b[?1l\u001b>\u001b[m';

/** Where the ghost's messages are shown. */
class Stage {
  readonly #graph: LifecycleGraph;
  readonly #presentation: Presentation;
  readonly #restoreTerminal: () => Promise<void>;
  readonly #shareTerminal: () => Promise<void>;
  /** Warnings wait for the graph: a line in the midst of one that redraws itself would be drawn over. */
  #remarks: string[] = [];
  /** The home of a user who is to be welcomed. */
  readonly #welcomeAt: string | undefined;
  #welcome: string | undefined;
  /** This call has mounted the vault: what it takes down again is worth showing. */
  #mounted = false;

  constructor(
    presentation: Presentation,
    restoreTerminal: () => Promise<void>,
    shareTerminal: () => Promise<void>,
    welcomeAt: string | undefined,
  ) {
    this.#welcomeAt = welcomeAt;
    this.#graph = new LifecycleGraph(presentation.style);
    this.#presentation = presentation;
    this.#restoreTerminal = restoreTerminal;
    this.#shareTerminal = shareTerminal;
  }

  async present(message: GhostMessage): Promise<void> {
    switch (message.say) {
      case 'phase':
        // A session that was killed has left the terminal as its relay needed it.
        if (message.phase === 'close') await this.#restoreTerminal();
        if (message.phase === 'close' && !this.#mounted) return this.#graph.close();
        return this.#graph.show(message);
      case 'started':
      case 'progress':
      case 'done':
      case 'skipped':
      case 'broken':
        this.#mounted ||= message.say === 'done' && message.step === 'mount';
        return this.#graph.show(message);
      case 'waits':
        if (this.#presentation.style !== 'silent') return this.#graph.show(message);
        return this.#presentation.remark(`The vault: ${message.why}.`);
      case 'terminal':
        await this.#shareTerminal();
        await this.clear();
        if (this.#welcome !== undefined) this.#presentation.tell(this.#welcome);
        this.#welcome = undefined;
        return;
      case 'open':
        if (this.#welcomeAt !== undefined) this.#welcome = describeOpen(message.session, this.#welcomeAt);
        return;
      case 'locked':
        await this.clear();
        await this.#restoreTerminal();
        // What ran in the session has not had the time to leave the screen as it was.
        // The cursor is behind a prompt.
        if (process.stderr.isTTY) process.stderr.write(`${plainScreen}\n`);
        return this.#presentation.remark(message.why);
      case 'failure':
      case 'ended':
      case 'lingers':
        return this.clear();
      case 'warning':
        this.#remarks.push(message.text);
        return;
      case 'leftBehind':
        this.#remarks.push(...describeLeftBehind(message.programs));
        return;
      case 'notice':
        return this.#presentation.notice(message.text);
      case 'program':
        if (this.#presentation.debug) process.stderr.write(`+ ${message.commandLine}\n`);
        return;
      case 'stopped':
      case 'enter':
      case 'observed':
      case 'adopted':
      case 'acted':
        return;
    }
  }

  /** Stops drawing. */
  async clear(): Promise<void> {
    await this.#graph.close();
    for (const remark of this.#remarks.splice(0)) this.#presentation.remark(remark);
  }
}
