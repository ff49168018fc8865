import {existsSync} from 'node:fs';
import {chooseEngine} from '../engines/choose.ts';
import type {Engine} from '../engines/engine.ts';
import {checkFileSystem, makeFileSystem} from '../engines/file-system.ts';
import {lossAlarm, lossFailure} from '../engines/failures.ts';
import {formatFileIdentity, identifyFile} from '../kernel/file-identity.ts';
import {continueStopped, descendantsOf} from '../kernel/process.ts';
import {lockedMarker} from '../lifecycle/init-label.ts';
import {exitCode} from '../foundation/exit-code.ts';
import type {Failure} from '../foundation/failure.ts';
import {showLoss} from '../lifecycle/loss-mark.ts';
import type {OpenVault} from '../lifecycle/message.ts';
import type {CreatePlan, OpenPlan, SessionPlan, VolumeKeyDigest} from '../lifecycle/plan.ts';
import {format} from '../luks/cryptsetup.ts';
import {boundedPbkdfMemoryKiB, kdfMemoryLimitKiB} from '../luks/memory.ts';
import {discardVettedHeader, type VettedHeader} from '../luks/private-copy.ts';
import {isVolumeKeyOf} from '../luks/volume-key-digest.ts';
import {adoptFiles} from './adopt.ts';
import type {Caller} from './caller.ts';
import type {CliChannel} from './cli-channel.ts';
import {adoptNeedsRoot, justEnded, vaultIsOpen, WrongPassphrase} from './failures.ts';
import {StepRunner} from './step-runner.ts';
import {type ControlGroupMove, leaveCallersGroups} from './control-group.ts';
import {Resources} from './resources.ts';
import {type Joinable, lockImage, type Patience, patienceOf} from './image-lock.ts';
import {type ImagePlace, nameOf, placeOf, watchImage} from './image-place.ts';
import {allocateImage, discardImage, publishImage} from './image.ts';
import {keyReader, kindOfKey} from './key-source.ts';
import {type OpenedPlan, openPlan} from './plan/check-plan.ts';
import {printablePath} from '../foundation/printable.ts';
import {saveRemovedImage} from './save-image.ts';
import {supervise} from './session/supervise.ts';
import {joinSession, openVaultOf} from './session/join.ts';
import {prepareSession, type Session} from './session/session.ts';
import {tryKey} from './try-key.ts';

/**
 * Opens a vault as the plan says, runs its session, closes it, and returns the exit code. The order of the steps is
 * here and nowhere else; no plan can change it. `onSession` is called when the session begins: from then on the end of
 * the CLI is handled here.
 */
export async function openVault(
  caller: Caller,
  plan: OpenPlan,
  channel: CliChannel,
  onSession: () => void,
): Promise<number> {
  const ghost = new Ghost(caller, plan, channel, openPlan(caller, plan));
  const [life] = await Promise.allSettled([ghost.live(onSession)]);
  // Only for promptness: what is left out here, the kernel does when this process ends.
  const [closed] = await Promise.allSettled([ghost.close()]);
  // Nothing else that may be wrong is as bad, and a session that ended well must not hide it.
  if (ghost.loss !== undefined) throw ghost.loss;
  if (life.status === 'rejected') throw life.reason;
  ghost.refuseLoss();
  if (closed.status === 'rejected') throw closed.reason;
  return life.value;
}

/** What `luksFormat` makes when it is not told otherwise, as far as an engine is chosen by it. */
const newSegment = {
  encryption: 'aes-xts-plain64',
  ivTweak: 0n,
  offsetBytes: 16 * 2 ** 20,
  sectorSizeBytes: 4096,
  sizeBytes: 'dynamic',
} as const;

/** How often helpers that are stopped are continued while the vault is being closed. */
const wakeMs = 200;

/** The life of one ghost: which step comes when. */
class Ghost {
  readonly #caller: Caller;
  readonly #plan: OpenPlan;
  readonly #channel: CliChannel;
  readonly #opened: OpenedPlan;
  readonly #steps: StepRunner;
  readonly #resources: Resources;
  /** What the kernel called the image when it was opened. */
  #openedAs = '';
  /** The vault is mounted by this ghost: its image must outlive it. */
  #serves = false;
  #groups: ControlGroupMove | undefined;
  /** The image was lost under the vault. */
  loss: Failure | undefined;
  #closing = false;

  constructor(caller: Caller, plan: OpenPlan, channel: CliChannel, opened: OpenedPlan) {
    this.#caller = caller;
    this.#plan = plan;
    this.#channel = channel;
    this.#opened = opened;
    this.#steps = new StepRunner((message) => channel.say(message));
    this.#resources = new Resources(caller, plan, opened, {
      warn: (text) => channel.say({say: 'warning', text}),
      onLoss: (reason) => {
        if (!this.#closing) channel.say({say: 'notice', text: lossAlarm(reason)});
        showLoss();
      },
    });
  }

  async live(onSession: () => void): Promise<number> {
    const {create, session} = this.#plan;
    // Before anything is started that the caller could stop.
    this.#groups = leaveCallersGroups(this.#caller, (why) =>
      this.#channel.say({
        say: 'warning',
        text: `Your other processes can freeze or end the ghost, because it stays in your control group: ${why}.`,
      }),
    );
    // Before a passphrase is asked for: a process that could open the terminal would read along.
    await this.#resources.guardTerminal();
    if (create !== undefined) {
      const engine = await this.#create(create);
      return session === undefined ? 0 : this.#runSession(engine, session, onSession);
    }
    if (this.#plan.adopt) return this.#adopt();
    const {header, running} = await this.#prepare();
    // A plan without a session is one that creates; the type says so, the check of its shape cannot.
    if (session === undefined) return 0;
    if (running !== undefined) return this.#joinOrOpen(header, running, session, onSession);
    return this.#runSession(await this.#unlockAndAttach(header), session, onSession);
  }

  /** Throws a Failure (74) if something that the session wrote is not in the image, with any exit code of its own. */
  refuseLoss(): void {
    const {loss} = this.#resources;
    if (loss !== undefined) throw lossFailure(loss, this.#plan.image);
  }

  async close(): Promise<void> {
    this.#closing = true;
    const [steps, resources] = [this.#steps, this.#resources];
    resources.stopWatching();
    // Safe as root: they are the ghost's own helpers. One that is stopped would keep the vault open.
    const waking = setInterval(() => continueStopped(descendantsOf(process.pid)), wakeMs);
    try {
      await this.#takeDown(steps, resources);
    } finally {
      clearInterval(waking);
    }
  }

  async #takeDown(steps: StepRunner, resources: Resources): Promise<void> {
    steps.begin('close');
    await steps.step('endSessions', () => resources.releaseTerminal());
    // What the session has handed out of the vault, an open file, keeps the file system busy. The device is taken away
    // from under it: nobody outside decides how long a vault stays open.
    const [unmounted] = await Promise.allSettled([steps.step('unmount', () => resources.unmount())]);
    await steps.step('detach', () => resources.detach());
    if (this.#serves && this.#isRemoved()) await this.#saveImage();
    await resources.release();
    this.#groups?.undo();
    if (unmounted.status === 'rejected') throw unmounted.reason as Error;
  }

  #isRemoved(): boolean {
    return placeOf(this.#resources.imageFd, this.#openedAs).is === 'removed';
  }

  async #saveImage(): Promise<void> {
    this.#channel.say({say: 'notice', text: `Saving a copy of the removed image ${printablePath(this.#plan.image)}.`});
    const {imageFolderFd, homeFd, imageName} = this.#opened;
    this.loss = await saveRemovedImage(this.#caller, this.#resources.imageFd, {
      folderFd: imageFolderFd,
      homeFd,
      imageName,
    });
  }

  /** Lock and header: everything before a key. Says whose ghost is there where the lock is taken. */
  async #prepare(): Promise<{header: VettedHeader; running: Joinable | undefined}> {
    const steps = this.#steps;
    steps.begin('prepare');
    await steps.step('unshare', () => this.#resources.enter());
    const running = await this.#lock(this.#patience());
    const header = await steps.step('vet', () => this.#resources.vet(this.#resources.imageFd));
    return {header, running};
  }

  #patience(): Patience {
    return patienceOf(this.#plan, this.#caller, (why) => this.#steps.waits('lock', why));
  }

  #lock(patience: Patience): Promise<Joinable | undefined> {
    return this.#steps.step(
      'lock',
      () => lockImage(this.#resources.imageFd, this.#caller, this.#plan, patience),
      (vault) => vault && 'a ghost has it',
    );
  }

  /** Key and device: up to the plaintext of an image that is there. */
  async #unlockAndAttach(header: VettedHeader, phase: 'open' | 'adopt' = 'open'): Promise<Engine> {
    // Missing programs are reported before any question for a passphrase.
    const engine = await chooseEngine(header.header.segments[0]!, this.#plan.engine);
    return this.#attach(engine, header, await this.#withKey((key) => this.#resources.unlock(header, key)), phase);
  }

  /** A key that was asked for before the lock was this ghost's: the header may be another one since. */
  async #attachWith(volumeKey: Buffer): Promise<Engine> {
    const header = await this.#steps.step('vet', () => this.#resources.vet(this.#resources.imageFd));
    await this.#keyOf(digestOf(header), volumeKey);
    return this.#attach(await chooseEngine(header.header.segments[0]!, this.#plan.engine), header, volumeKey);
  }

  async #attach(
    engine: Engine,
    header: VettedHeader,
    volumeKey: Buffer,
    phase: 'open' | 'adopt' = 'open',
  ): Promise<Engine> {
    this.#steps.begin(phase);
    await this.#steps.step(
      'attach',
      () => this.#resources.attach(engine, header, volumeKey),
      ({readOnly}) => (readOnly ? `${engine.id}, read-only` : engine.id),
    );
    return engine;
  }

  #withKey<T>(attempt: (key: Buffer) => Promise<T>): Promise<T> {
    const reader = keyReader(this.#caller, this.#plan.key, this.#opened.keyFd, this.#plan, this.#channel);
    return tryKey(reader, this.#steps, attempt);
  }

  /**
   * A further session in a ghost that is there: a user who has the passphrase may. If that ghost ends just now, this
   * one opens the vault itself, with the key that it has already.
   */
  async #joinOrOpen(header: VettedHeader, first: Joinable, plan: SessionPlan, onSession: () => void): Promise<number> {
    // The header is the image's of now. What counts is the key of the vault that is open.
    const volumeKey = await this.#withKey(async (key) =>
      this.#keyOf(first.keyDigest, await this.#resources.unlock(header, key)),
    );
    // The user may have taken long to type it.
    const patience = this.#patience();
    try {
      discardVettedHeader(header);
      for (
        let running: Joinable | undefined = first;
        running !== undefined;
        running = await this.#lockAgain(patience)
      ) {
        await this.#keyOf(running.keyDigest, volumeKey);
        if (running.isolation === 'private') {
          this.#channel.say({say: 'enter', init: running.init});
          return 0;
        }
        const {ghost} = running;
        this.#steps.begin('join');
        const joined = await this.#steps.step(
          'join',
          () => joinSession(this.#caller, plan, ghost, this.#groups?.sessionGroups ?? []),
          (session) => (session === undefined ? 'it has just ended' : undefined),
        );
        if (joined === undefined && performance.now() < patience.deadlineMs) continue;
        if (joined === undefined) throw justEnded();
        volumeKey.fill(0);
        this.#openedAs = nameOf(this.#resources.imageFd);
        await this.#resources.clearStaging();
        return await this.#supervise(joined.session, openVaultOf(ghost), onSession, joined.wasLocked);
      }
      return await this.#runSession(await this.#attachWith(volumeKey), plan, onSession);
    } finally {
      volumeKey.fill(0);
    }
  }

  #lockAgain(patience: Patience): Promise<Joinable | undefined> {
    this.#steps.begin('prepare');
    this.#steps.skip('unshare', 'done before');
    return this.#lock(patience);
  }

  /** The volume key, if it is the one of this digest. It is wiped if it is not. */
  async #keyOf(digest: VolumeKeyDigest, volumeKey: Buffer): Promise<Buffer> {
    if (await isVolumeKeyOf(digest, volumeKey)) return volumeKey;
    volumeKey.fill(0);
    throw new WrongPassphrase(this.#plan.image);
  }

  /** From nothing to the plaintext of a new image, which gets its name when it is whole. */
  async #create(plan: CreatePlan): Promise<Engine> {
    const steps = this.#steps;
    const {imageFolderFd, imageName, keyFd} = this.#opened;
    // Missing programs are reported before any question for a passphrase.
    const engine = await chooseEngine(newSegment, this.#plan.engine);
    const memoryKiB =
      plan.pbkdf === 'pbkdf2' ? undefined : boundedPbkdfMemoryKiB(plan.pbkdfMemoryKiB, kdfMemoryLimitKiB());
    const kind = kindOfKey(this.#plan.key);
    const key = await keyReader(this.#caller, this.#plan.key, keyFd, this.#plan, this.#channel).chosen();
    try {
      steps.begin('create');
      await steps.step('unshare', () => this.#resources.enter());
      const image = await steps.step('allocate', () =>
        allocateImage(this.#caller, imageFolderFd, plan.sizeBytes, (doneBytes) =>
          steps.progress('allocate', doneBytes, plan.sizeBytes),
        ),
      );
      this.#resources.holdImage(image.fd);
      try {
        await steps.step('luksFormat', () =>
          format(image.fd, key, {
            note: {name: kind, kind},
            pbkdf: plan.pbkdf,
            ...(memoryKiB === undefined ? {} : {pbkdfMemoryKiB: memoryKiB}),
            ...(plan.pbkdfForceIterations === undefined ? {} : {pbkdfForceIterations: plan.pbkdfForceIterations}),
          }),
        );
        const header = await steps.step('vet', () => this.#resources.vet(image.fd));
        const volumeKey = await steps.step('unlock', () => this.#resources.unlock(header, key));
        const device = await steps.step(
          'attach',
          () => this.#resources.attach(engine, header, volumeKey),
          () => engine.id,
        );
        const {sessionUid, sessionGid} = this.#caller;
        await steps.step('mkfs', () => makeFileSystem(device, {uid: sessionUid, gid: sessionGid}));
        await steps.step('publish', () => publishImage(this.#caller, imageFolderFd, image, imageName));
      } catch (error) {
        discardImage(this.#caller, imageFolderFd, image);
        this.#resources.holdImage(undefined);
        throw error;
      }
    } finally {
      key.fill(0);
    }
    if (this.#plan.session !== undefined) steps.begin('openCreated');
    return engine;
  }

  /** Makes what is in the vault the caller's. Nobody but this process sees it meanwhile. */
  async #adopt(): Promise<number> {
    const steps = this.#steps;
    if (this.#caller.isolation === 'private') {
      throw adoptNeedsRoot();
    }
    const {header, running} = await this.#prepare();
    // A plan that adopts never joins.
    if (running !== undefined) throw vaultIsOpen();
    await this.#unlockAndAttach(header, 'adopt');
    const {device} = this.#resources;
    await steps.step(
      'check',
      () => checkFileSystem(device, this.#plan.image),
      (state) => state,
    );
    const folder = await steps.step('mount', () => this.#resources.mountAside(device));
    const {sessionUid: uid, sessionGid: gid} = this.#caller;
    const adopted = await steps.step(
      'adopt',
      () => adoptFiles(folder, {uid, gid}),
      ({changed}) => `${changed} changed`,
    );
    this.#channel.say({say: 'adopted', ...adopted});
    return 0;
  }

  /** From the plaintext to the session and to its end. */
  async #runSession(engine: Engine, plan: SessionPlan, onSession: () => void): Promise<number> {
    const steps = this.#steps;
    const {device, imageFd} = this.#resources;
    this.#openedAs = nameOf(imageFd);
    this.#serves = true;
    await steps.step(
      'check',
      async () => {
        const state = await checkFileSystem(device, this.#plan.image);
        this.#resources.examineOwner(device);
        return state;
      },
      (state) => state,
    );
    const fileSystem = await steps.step(
      'mount',
      () => this.#resources.mount(device),
      ({driver}) => `by ${driver === 'kernel' ? 'the kernel' : driver}${this.#plan.readOnly ? ', read-only' : ''}`,
    );
    if (this.#plan.bridges.length === 0) steps.skip('bridge', 'none');
    else
      await steps.step(
        'bridge',
        () => this.#resources.bridge(),
        (bridges) => bridges.join(', '),
      );
    const namespaces = await steps.step(
      'seal',
      () => this.#resources.seal(),
      () => this.#caller.isolation,
    );
    const vault: OpenVault = {
      uuid: this.#resources.header.header.uuid,
      engine: engine.id,
      fileSystem: fileSystem.driver === 'kernel' ? 'ext4' : 'fuse2fs',
      isolation: this.#caller.isolation,
      ...(this.#plan.readOnly ? {readOnly: true as const} : {}),
      imageId: formatFileIdentity(identifyFile(this.#resources.imageFd)),
      image: this.#plan.image,
      mountPoint: this.#plan.mountPoint,
      uid: this.#caller.sessionUid,
      keyDigest: digestOf(this.#resources.header),
    };
    const session = await steps.step('shell', () =>
      prepareSession(this.#caller, plan, vault, namespaces, this.#groups?.sessionGroups ?? []),
    );
    return this.#supervise(session, vault, onSession, () => existsSync(`/dev/shm/${lockedMarker}`));
  }

  /** Hands the terminal over to the session, lets it begin, and stays with it to its end. */
  async #supervise(
    session: Session,
    vault: OpenVault,
    onSession: () => void,
    wasLocked: () => boolean,
  ): Promise<number> {
    this.#channel.say({say: 'open', session: vault});
    await this.#channel.claimTerminal();
    onSession();
    session.begin();
    const {imageFd, lost, misplaced} = this.#resources;
    const unwatch = watchImage(imageFd, this.#openedAs, (place) => {
      this.#channel.say({say: 'notice', text: describePlace(place, this.#plan.image)});
    });
    try {
      const code = await supervise({
        session,
        channel: this.#channel,
        wasLocked,
        isLost: () => this.#isRemoved(),
        onLingering: () => this.#resources.releaseTerminal(),
        ...(lost === undefined ? {} : {lost}),
        ...(misplaced === undefined ? {} : {misplaced}),
      });
      // A ghost that has joined another has nothing to save, and nothing to accept.
      return !this.#serves && this.#isRemoved() ? exitCode.ioError : code;
    } finally {
      unwatch();
    }
  }
}

function describePlace(place: ImagePlace, image: string): string {
  const path = printablePath(image);
  switch (place.is) {
    case 'removed':
      return (
        `The image of this vault was removed from ${path}, or another file was put in its place. ` +
        'When the last shell of the vault ends, TazPod saves a copy there and exits with 74.'
      );
    case 'moved':
      return `The image of this vault was moved from ${path} to ${printablePath(place.to)}.`;
    case 'there':
      return `The image of this vault is at ${path} again.`;
  }
}

function digestOf({header}: VettedHeader): VolumeKeyDigest {
  const {hash, iterations, salt, digest} = header.digests[0]!;
  return {hash, iterations, salt, digest};
}
