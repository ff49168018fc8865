import {closeSync, existsSync, mkdirSync, rmdirSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';
import {chooseEngine} from '../engines/choose.ts';
import type {AttachedDevice, Engine} from '../engines/engine.ts';
import {
  checkFileSystem,
  makeFileSystem,
  type MountedFileSystem,
  mountFileSystem,
  moveMount,
} from '../engines/file-system.ts';
import {mountByPrivateFuse2fs} from '../engines/fuse2fs-driver.ts';
import {formatFileIdentity, identifyFile} from '../kernel/file-identity.ts';
import {tryLockExclusive} from '../kernel/file-lock.ts';
import {mountsAt, readMounts} from '../kernel/mountinfo.ts';
import {run} from '../kernel/program.ts';
import {readOpenVaults, type RunningVault} from '../kernel/open-vaults.ts';
import {exitCode} from '../lifecycle/exit-code.ts';
import {Failure} from '../lifecycle/failure.ts';
import {lockedMarker} from '../lifecycle/init-label.ts';
import type {OpenVault} from '../lifecycle/message.ts';
import type {CreatePlan, InitId, OpenPlan, SessionPlan, VolumeKeyDigest} from '../lifecycle/plan.ts';
import {format, unlockVolumeKey} from '../luks/cryptsetup.ts';
import {boundedPbkdfMemoryKiB, kdfMemoryLimitKiB} from '../luks/memory.ts';
import {discardVettedHeader, openNamelessFile, readVettedHeader, type VettedHeader} from '../luks/private-copy.ts';
import {isVolumeKeyOf} from '../luks/volume-key-digest.ts';
import {accompany} from './session/accompany.ts';
import {mountBridges, mountBridgesPrivately} from './bridges/bridges.ts';
import type {Caller} from './caller.ts';
import {type OpenedPlan, openPlan} from './plan/check-plan.ts';
import type {CliChannel} from './cli-channel.ts';
import {Conductor} from './conductor.ts';
import {allocateImage, discardImage, publishImage} from './image.ts';
import {openVaultOf, watchForLock} from './session/join.ts';
import {keyReader} from './key-source.ts';
import {type MountWatch, watchMount} from './mount-watch.ts';
import {makeUserNamespace} from './session/seal.ts';
import {prepareJoin, prepareSession, type Session, type SessionNamespaces} from './session/session.ts';
import {mountStaging, type Staging} from './staging.ts';
import {
  guardTerminal,
  type GuardedTerminal,
  mountPrivateSharedMemory,
  mountPrivateTerminals,
} from './session/terminal.ts';

/** How long another that is just about to let go of the image is waited for: a `status` tries its lock too. */
const lockTimeoutMs = 500;

/**
 * How long is waited for the end of writing, and how long for somebody outside who has a file of the vault open: who has
 * left the session waits for the first, and not for the second.
 */
const unmountPatience = {graceMs: 10_000, busyMs: 3000};

/**
 * Opens a vault as the plan says, runs its session, closes it, and returns the exit code. The order of the steps is
 * here and nowhere else; no plan can change it. `onSession` is called when the session begins: from then on the end of
 * the CLI is minded here.
 */
export async function openVault(
  caller: Caller,
  plan: OpenPlan,
  channel: CliChannel,
  onSession: () => void,
): Promise<number> {
  const ghost = new Ghost(caller, plan, channel, openPlan(caller, plan));
  try {
    return await ghost.live(onSession);
  } finally {
    // Only for promptness: what is left out here, the kernel does when this process ends.
    await ghost.close();
  }
}

/** A ghost that is there and can be joined: a sealed one from here, a private one from outside this namespace. */
type Joinable = {readonly keyDigest: VolumeKeyDigest} & (
  {readonly isolation: 'sealed'; readonly ghost: RunningVault} | {readonly isolation: 'private'; readonly init: InitId}
);

/** What `luksFormat` makes when it is not told otherwise, as far as an engine is chosen by it. */
const newSegment = {
  encryption: 'aes-xts-plain64',
  ivTweak: 0n,
  offsetBytes: 16 * 2 ** 20,
  sectorSizeBytes: 4096,
  sizeBytes: 'dynamic',
} as const;

/** What the ghost of one vault holds, from the first step to the last. */
class Ghost {
  readonly #caller: Caller;
  readonly #plan: OpenPlan;
  readonly #channel: CliChannel;
  readonly #opened: OpenedPlan;
  readonly #conductor: Conductor;
  #imageFd: number | undefined;
  #staging: Staging | undefined;
  #header: VettedHeader | undefined;
  #device: AttachedDevice | undefined;
  #fileSystem: MountedFileSystem | undefined;
  #namespaces: SessionNamespaces | undefined;
  #terminal: GuardedTerminal | undefined;
  readonly #mountWatches: MountWatch[] = [];

  constructor(caller: Caller, plan: OpenPlan, channel: CliChannel, opened: OpenedPlan) {
    this.#caller = caller;
    this.#plan = plan;
    this.#channel = channel;
    this.#opened = opened;
    this.#imageFd = opened.imageFd;
    this.#conductor = new Conductor((message) => channel.say(message));
  }

  async live(onSession: () => void): Promise<number> {
    const {create, session} = this.#plan;
    // Before a passphrase is asked for: whoever could open the terminal would read along.
    this.#guardTerminal();
    if (create !== undefined) {
      const engine = await this.#create(create);
      return session === undefined ? 0 : this.#haunt(engine, session, onSession);
    }
    const {header, running} = await this.#prepare();
    // A plan without a session is one that creates; the type says so, the check of its shape cannot.
    if (session === undefined) return 0;
    if (running !== undefined) return this.#join(header, running, session, onSession);
    return this.#haunt(await this.#unlockAndAttach(header), session, onSession);
  }

  async close(): Promise<void> {
    const conductor = this.#conductor;
    for (const mountWatch of this.#mountWatches) mountWatch.stop();
    conductor.begin('close');
    await conductor.step('endSessions', () => this.#terminal?.release());
    // What the session has handed out of the vault, an open file, keeps the file system busy. The device is taken away
    // from under it: nobody outside decides how long a vault stays open.
    const [unmounted] = await Promise.allSettled([conductor.step('unmount', () => this.#unmount())]);
    await conductor.step('detach', () => this.#device?.detach());
    await this.#clearStaging();
    if (this.#imageFd !== undefined) closeSync(this.#imageFd);
    if (unmounted.status === 'rejected') throw unmounted.reason as Error;
  }

  async #unmount(): Promise<void> {
    if (this.#fileSystem === undefined) return;
    // Written out while it can be named: what stays busy after that cannot be waited for.
    await run('sync', ['--file-system', this.#plan.mountPoint]);
    await this.#fileSystem.unmount(unmountPatience).catch((error: unknown) => {
      throw new Failure(exitCode.busy, 'Something outside has a file of the vault open that its session handed out.', {
        why: 'The vault is closed all the same; that file cannot be read from the image or written any more.',
        cause: error,
      });
    });
  }

  /** Lock and header: everything before a key. Says whose ghost is there where the lock is taken. */
  async #prepare(): Promise<{header: VettedHeader; running: Joinable | undefined}> {
    const conductor = this.#conductor;
    const imageFd = this.#imageFd!;
    conductor.begin('prepare');
    await conductor.step('unshare', () => this.#enter());
    const running = await conductor.step(
      'lock',
      () => this.#lock(imageFd),
      (vault) => vault && 'a ghost has it',
    );
    const header = await conductor.step('vet', () => this.#vet(imageFd));
    return {header, running};
  }

  /** The lock, or the user's ghost that has it. */
  async #lock(imageFd: number): Promise<Joinable | undefined> {
    const imageId = formatFileIdentity(identifyFile(imageFd));
    for (const deadline = Date.now() + lockTimeoutMs; ; await sleep(50)) {
      if (await tryLockExclusive(imageFd)) return undefined;
      const running = readOpenVaults().find(
        (vault) => vault.imageId === imageId && vault.uid === this.#caller.sessionUid,
      );
      const joinable = this.#plan.ifOpen === 'join' ? this.#joinable(running) : undefined;
      if (joinable !== undefined) return joinable;
      if (Date.now() < deadline) continue;
      throw new Failure(exitCode.busy, 'The vault is open already.', {
        why:
          running === undefined
            ? 'Somebody else, perhaps in another container, holds its image.'
            : whyNotJoined(running, this.#plan.ifOpen),
        next: 'tazpod vault status',
      });
    }
  }

  #joinable(running: RunningVault | undefined): Joinable | undefined {
    const {isolation} = this.#caller;
    const {privateGhost} = this.#plan;
    if (isolation === 'private') return privateGhost && {isolation, ...privateGhost};
    return running?.isolation === isolation ? {isolation, keyDigest: running.keyDigest, ghost: running} : undefined;
  }

  /** Key and device: up to the plaintext of an image that is there. */
  async #unlockAndAttach(header: VettedHeader): Promise<Engine> {
    const engine = await chooseEngine(header.header.segments[0]!, this.#plan.engine);
    const volumeKey = await this.#withKey((key) => this.#unlock(header, key));
    this.#conductor.begin('open');
    await this.#conductor.step(
      'attach',
      () => this.#attach(engine, header, volumeKey),
      () => engine.id,
    );
    return engine;
  }

  /** Asks for the key and tries it, as often as it is worth asking. */
  async #withKey<T>(attempt: (key: Buffer) => Promise<T>): Promise<T> {
    const reader = keyReader(this.#plan.key, this.#opened.keyFd, this.#plan.image, this.#channel);
    for (let tries = 1; ; tries++) {
      const key = await reader.existing();
      this.#conductor.begin('unlock');
      try {
        return await this.#conductor.step('unlock', () => attempt(key));
      } catch (error) {
        if (!(error instanceof WrongPassphrase) || tries === reader.tries) throw error;
      } finally {
        key.fill(0);
      }
    }
  }

  /** A further session in a ghost that is there: whoever has the passphrase may. */
  async #join(header: VettedHeader, running: Joinable, plan: SessionPlan, onSession: () => void): Promise<number> {
    // The header is the image's of now. What counts is the key of the vault that is open.
    await this.#withKey(async (key) => {
      const volumeKey = await this.#unlock(header, key);
      const same = await isVolumeKeyOf(running.keyDigest, volumeKey).finally(() => volumeKey.fill(0));
      if (!same) throw new WrongPassphrase(this.#plan.image);
    });
    discardVettedHeader(header);
    if (running.isolation === 'private') {
      this.#channel.say({say: 'enter', init: running.init});
      return 0;
    }
    const {ghost} = running;
    this.#conductor.begin('join');
    const wasLocked = watchForLock(ghost);
    const session = await this.#conductor.step('join', async () => {
      await this.#clearStaging();
      return prepareJoin(this.#caller, plan, ghost);
    });
    return this.#accompany(session, openVaultOf(ghost), onSession, wasLocked);
  }

  /** From nothing to the plaintext of a new image, which gets its name when it is whole. */
  async #create(plan: CreatePlan): Promise<Engine> {
    const conductor = this.#conductor;
    const {imageFolderFd, imageName, keyFd} = this.#opened;
    // What is missing is said before a passphrase is asked for.
    const engine = await chooseEngine(newSegment, this.#plan.engine);
    const memoryKiB =
      plan.pbkdf === 'pbkdf2' ? undefined : boundedPbkdfMemoryKiB(plan.pbkdfMemoryKiB, kdfMemoryLimitKiB());
    const key = await keyReader(this.#plan.key, keyFd, this.#plan.image, this.#channel).chosen();
    try {
      conductor.begin('create');
      await conductor.step('unshare', () => this.#enter());
      const image = await conductor.step('allocate', () =>
        allocateImage(this.#caller, imageFolderFd, plan.sizeBytes, (doneBytes) =>
          conductor.progress('allocate', doneBytes, plan.sizeBytes),
        ),
      );
      this.#imageFd = image.fd;
      try {
        await conductor.step('luksFormat', () =>
          format(image.fd, key, {
            pbkdf: plan.pbkdf,
            ...(memoryKiB === undefined ? {} : {pbkdfMemoryKiB: memoryKiB}),
            ...(plan.pbkdfForceIterations === undefined ? {} : {pbkdfForceIterations: plan.pbkdfForceIterations}),
          }),
        );
        const header = await conductor.step('vet', () => this.#vet(image.fd));
        const volumeKey = await conductor.step('unlock', () => this.#unlock(header, key));
        const device = await conductor.step(
          'attach',
          () => this.#attach(engine, header, volumeKey),
          () => engine.id,
        );
        const {sessionUid, sessionGid} = this.#caller;
        await conductor.step('mkfs', () => makeFileSystem(device, {uid: sessionUid, gid: sessionGid}));
        await conductor.step('publish', () => publishImage(this.#caller, imageFolderFd, image, imageName));
      } catch (error) {
        discardImage(this.#caller, imageFolderFd, image);
        this.#imageFd = undefined;
        throw error;
      }
    } finally {
      key.fill(0);
    }
    if (this.#plan.session !== undefined) conductor.begin('openCreated');
    return engine;
  }

  /** From the plaintext to the session and to its end. */
  async #haunt(engine: Engine, plan: SessionPlan, onSession: () => void): Promise<number> {
    const conductor = this.#conductor;
    const device = this.#device!;
    await conductor.step(
      'check',
      () => checkFileSystem(device, this.#plan.image),
      (state) => state,
    );
    const fileSystem = await conductor.step(
      'mount',
      () => this.#mount(device),
      ({driver}) => `by ${driver === 'kernel' ? 'the kernel' : driver}`,
    );
    if (this.#plan.bridges.length === 0) conductor.skip('bridge', 'none');
    else
      await conductor.step(
        'bridge',
        () => this.#bridge(),
        (bridges) => bridges.join(', '),
      );
    const namespaces = await conductor.step(
      'seal',
      () => this.#seal(),
      () => this.#caller.isolation,
    );
    const vault: OpenVault = {
      uuid: this.#header!.header.uuid,
      engine: engine.id,
      fileSystem: fileSystem.driver === 'kernel' ? 'ext4' : 'fuse2fs',
      isolation: this.#caller.isolation,
      imageId: formatFileIdentity(identifyFile(this.#imageFd!)),
      image: this.#plan.image,
      mountPoint: this.#plan.mountPoint,
      uid: this.#caller.sessionUid,
      keyDigest: digestOf(this.#header!),
    };
    const session = await conductor.step('shell', () => prepareSession(this.#caller, plan, vault, namespaces));
    return this.#accompany(session, vault, onSession, () => existsSync(`/dev/shm/${lockedMarker}`));
  }

  /** Hands the terminal over to the session, lets it begin, and stays with it to its end. */
  async #accompany(
    session: Session,
    vault: OpenVault,
    onSession: () => void,
    wasLocked: () => boolean,
  ): Promise<number> {
    await this.#channel.claimTerminal();
    this.#channel.say({say: 'open', session: vault});
    onSession();
    session.begin();
    return accompany({
      session,
      channel: this.#channel,
      wasLocked,
      onLingering: async () => this.#terminal?.release(),
      ...(this.#device === undefined ? {} : {lost: failureOf(this.#device)}),
      ...(this.#mountWatches.length === 0 ? {} : {misplaced: Promise.race(this.#mountWatches.map(({lost}) => lost))}),
    });
  }

  /** The process is in its own mount namespace already; what only it is to see is mounted there. */
  async #enter(): Promise<void> {
    await mountPrivateSharedMemory();
    await mountPrivateTerminals(this.#caller);
    this.#staging = await mountStaging();
  }

  #vet(imageFd: number): VettedHeader {
    const header = readVettedHeader(imageFd, openNamelessFile('/dev/shm'), {
      memoryLimitKiB: kdfMemoryLimitKiB(),
      imageName: this.#plan.image,
    });
    for (const warning of header.warnings) this.#channel.say({say: 'warning', text: warning});
    this.#header = header;
    return header;
  }

  async #unlock(header: VettedHeader, key: Buffer): Promise<Buffer> {
    const result = await unlockVolumeKey(header, key, this.#staging!.folder);
    if (result.outcome === 'wrong-passphrase') throw new WrongPassphrase(this.#plan.image);
    return result.volumeKey;
  }

  async #attach(engine: Engine, {header}: VettedHeader, volumeKey: Buffer): Promise<AttachedDevice> {
    try {
      this.#device = await engine.attach({
        imageFd: this.#imageFd!,
        segment: header.segments[0]!,
        luksUuid: header.uuid,
        volumeKey,
        folder: this.#staging!.folder,
      });
      return this.#device;
    } finally {
      volumeKey.fill(0);
      discardVettedHeader(this.#header!);
    }
  }

  /** Mounted where nobody else can reach, and moved as a whole to the mount point, which the user's hands are on. */
  async #mount(device: AttachedDevice): Promise<MountedFileSystem> {
    if (this.#caller.isolation === 'private') return this.#mountPrivately(device);
    const folder = `${this.#staging!.folder}/vault`;
    mkdirSync(folder, {mode: 0o700});
    this.#fileSystem = await mountFileSystem(device, folder);
    removeEmptyLostAndFound(folder);
    const mounted = mountsAt(readMounts('self'), folder).at(-1)!;
    await moveMount(folder, this.#opened.mountPointFd);
    this.#mountWatches.push(watchMount(this.#plan.home, this.#plan.mountPoint, mounted));
    return this.#fileSystem;
  }

  /** Binds what is to live in the vault; says in which directories of the home. */
  async #bridge(): Promise<string[]> {
    const {home, mountPoint} = this.#plan;
    const {bridges, remarks} =
      this.#namespaces?.isolation === 'private'
        ? await mountBridgesPrivately(this.#namespaces, this.#plan)
        : await mountBridges(this.#caller, this.#opened.homeFd, this.#plan);
    for (const text of remarks) this.#channel.say({say: 'warning', text});
    if (this.#caller.isolation === 'sealed') {
      const vault = mountsAt(readMounts('self'), mountPoint).at(-1)!;
      for (const bridge of bridges) this.#mountWatches.push(watchMount(home, `${home}/${bridge.home}`, vault));
    }
    return bridges.map((bridge) => `~/${bridge.home}`);
  }

  /** In the user's own namespaces no line is crossed: the mount point is the user's to name. */
  async #mountPrivately(device: AttachedDevice): Promise<MountedFileSystem> {
    const ids = {uid: this.#caller.sessionUid, gid: this.#caller.sessionGid};
    const {fileSystem, userFd, mountFd} = await mountByPrivateFuse2fs(device, this.#plan.mountPoint, ids, () =>
      this.#clearStaging(),
    );
    this.#namespaces = {isolation: 'private', userFd, mountFd};
    this.#fileSystem = fileSystem;
    return fileSystem;
  }

  /** Everything that separates the session from the machine, but for its processes' own namespaces. */
  async #seal(): Promise<SessionNamespaces> {
    if (this.#namespaces !== undefined) return this.#namespaces;
    await this.#clearStaging();
    const userFd = await makeUserNamespace();
    return {isolation: 'sealed', userFd};
  }

  #guardTerminal(): void {
    if (this.#caller.isolation !== 'sealed' || this.#opened.terminalFd === undefined) return;
    this.#terminal = guardTerminal(this.#opened.terminalFd);
  }

  async #clearStaging(): Promise<void> {
    await this.#staging?.clear();
    this.#staging = undefined;
  }
}

function digestOf({header}: VettedHeader): VolumeKeyDigest {
  const {hash, iterations, salt, digest} = header.digests[0]!;
  return {hash, iterations, salt, digest};
}

/** The key opens none of the key slots. */
class WrongPassphrase extends Failure {
  constructor(image: string) {
    super(exitCode.noPermission, 'The passphrase or key is wrong.', {
      why: `It opens no key slot of ${image}.`,
      next: 'tazpod vault unlock',
    });
  }
}

/**
 * e2fsck makes the directory anew when it finds something to put there; until then it is root's, and in the way of
 * whoever lists the vault. Safe as root: rmdir(2) takes an empty directory or nothing, and follows no link.
 */
function removeEmptyLostAndFound(folder: string): void {
  try {
    rmdirSync(`${folder}/lost+found`);
  } catch {
    // There is none, or something was found.
  }
}

/** Settles when the engine has failed under the session. */
function failureOf(device: AttachedDevice): Promise<void> {
  return new Promise((resolve) => {
    void device.ended.then(({how}) => {
      if (how === 'failed') resolve();
    });
  });
}

function whyNotJoined({isolation}: RunningVault, ifOpen: OpenPlan['ifOpen']): string {
  return ifOpen === 'refuse'
    ? 'A ghost of yours has it, and it was not to be joined.'
    : `A ${isolation} ghost of yours has it, and only another ${isolation} one can join it: --isolation ${isolation}.`;
}
