import {closeSync, mkdirSync, rmdirSync} from 'node:fs';
import {setTimeout as sleep} from 'node:timers/promises';
import type {AttachedDevice, Engine, LossReason} from '../engines/engine.ts';
import {type MountedFileSystem, mountFileSystem, moveMount} from '../engines/file-system.ts';
import {mountByPrivateFuse2fs} from '../engines/fuse2fs-driver.ts';
import {readTopDirectory} from '../engines/top-directory.ts';
import {flushFileName} from '../engines/fuse2fs-flusher.ts';
import {mountsAt, readMounts} from '../kernel/mountinfo.ts';
import {run} from '../kernel/program.ts';
import type {OpenPlan} from '../lifecycle/plan.ts';
import {unlockVolumeKey} from '../luks/cryptsetup.ts';
import {kdfMemoryLimitKiB} from '../luks/memory.ts';
import {discardVettedHeader, openNamelessFile, readVettedHeader, type VettedHeader} from '../luks/private-copy.ts';
import {mountBridges, mountBridgesPrivately} from './bridges/bridges.ts';
import type {Caller} from './caller.ts';
import {fileStillOpen, WrongPassphrase} from './failures.ts';
import {judgeOwner} from './foreign-vault.ts';
import {guardTerminal, type GuardedTerminal} from './guarded-terminal.ts';
import {type MountWatch, watchMount} from './mount-watch.ts';
import type {OpenedPlan} from './plan/check-plan.ts';
import {mountOwnSockets} from './session/own-sockets.ts';
import type {SessionNamespaces} from './session/session.ts';
import {mountPrivateSharedMemory, mountPrivateTerminals} from './session/terminal.ts';
import {mountStaging, type Staging} from './staging.ts';
import {makeUserNamespace} from './user-namespace.ts';

/**
 * How long is waited for the end of writing, and how long for somebody outside who has a file of the vault open: who has
 * left the session waits for the first, and not for the second.
 */
const unmountPatience = {graceMs: 10_000, busyMs: 3000};

/** What sync(1) says of writes that failed since the last one. Other errors are about the path. */
const refusedByDisk = /Input\/output error|No space left|quota exceeded|File too large/;

/** How long the engine may need to say why something was lost. */
const lossGraceMs = 200;

/**
 * What the ghost of one vault holds, from the first step to the last, and what each step does with it. Which step comes
 * when stands in `open.ts`.
 */
export class Resources {
  readonly #caller: Caller;
  readonly #plan: OpenPlan;
  readonly #opened: OpenedPlan;
  readonly #warn: (text: string) => void;
  readonly #onLoss: (reason: LossReason) => void;
  #imageFd: number | undefined;
  #staging: Staging | undefined;
  #header: VettedHeader | undefined;
  #device: AttachedDevice | undefined;
  #fileSystem: MountedFileSystem | undefined;
  #namespaces: SessionNamespaces | undefined;
  #terminal: GuardedTerminal | undefined;
  #loss: LossReason | undefined;
  readonly #mountWatches: MountWatch[] = [];

  constructor(
    caller: Caller,
    plan: OpenPlan,
    opened: OpenedPlan,
    {warn, onLoss}: {warn: (text: string) => void; onLoss: (reason: LossReason) => void},
  ) {
    this.#caller = caller;
    this.#plan = plan;
    this.#opened = opened;
    this.#warn = warn;
    this.#onLoss = onLoss;
    this.#imageFd = opened.imageFd;
  }

  /** The image, which is there or was made. */
  get imageFd(): number {
    return this.#imageFd!;
  }

  /** A new image; undefined: it was discarded. */
  holdImage(fd: number | undefined): void {
    this.#imageFd = fd;
  }

  get header(): VettedHeader {
    return this.#header!;
  }

  get device(): AttachedDevice {
    return this.#device!;
  }

  /** Why something that was written is not in the image; undefined where nothing is known to be lost. */
  get loss(): LossReason | undefined {
    return this.#loss;
  }

  #noteLoss(reason: LossReason): void {
    if (this.#loss !== undefined) return;
    this.#loss = reason;
    this.#onLoss(reason);
  }

  /** Settles when the session has nothing left to live on; undefined where it lives in another ghost's vault. */
  get lost(): Promise<void> | undefined {
    return this.#device && failureOf(this.#device);
  }

  /** Settles when the vault, or a bridge, is no longer where the session looks for it. */
  get misplaced(): Promise<unknown> | undefined {
    return this.#mountWatches.length === 0 ? undefined : Promise.race(this.#mountWatches.map(({lost}) => lost));
  }

  /** From here on nobody else of the user's can open the terminal that the user types at. */
  async guardTerminal(): Promise<void> {
    if (this.#caller.isolation !== 'sealed' || this.#opened.terminalFd === undefined) return;
    this.#terminal = await guardTerminal(this.#caller, this.#opened.terminalFd);
  }

  async releaseTerminal(): Promise<void> {
    await this.#terminal?.release();
  }

  /** The process is in its own mount namespace already; what only it is to see is mounted there. */
  async enter(): Promise<void> {
    await mountPrivateSharedMemory();
    await mountPrivateTerminals(this.#caller);
    this.#staging = await mountStaging();
  }

  /** Reads the header into a private copy, and vets it. */
  vet(imageFd: number): VettedHeader {
    const header = readVettedHeader(imageFd, openNamelessFile('/dev/shm'), {
      memoryLimitKiB: kdfMemoryLimitKiB(),
      imageName: this.#plan.image,
    });
    for (const warning of header.warnings) this.#warn(warning);
    this.#header = header;
    return header;
  }

  /** The volume key, which the caller wipes. Throws `WrongPassphrase` when the key opens no slot. */
  async unlock(header: VettedHeader, key: Buffer): Promise<Buffer> {
    const result = await unlockVolumeKey(header, key, this.#staging!.folder);
    if (result.outcome === 'wrong-passphrase') throw new WrongPassphrase(this.#plan.image);
    return result.volumeKey;
  }

  /** From the volume key, which is wiped, to the plaintext. */
  async attach(engine: Engine, {header}: VettedHeader, volumeKey: Buffer): Promise<AttachedDevice> {
    try {
      this.#device = await engine.attach({
        imageFd: this.#imageFd!,
        readOnly: this.#plan.readOnly === true,
        segment: header.segments[0]!,
        luksUuid: header.uuid,
        volumeKey,
        folder: this.#staging!.folder,
      });
      void this.#device.lost.then((reason) => this.#noteLoss(reason));
      return this.#device;
    } finally {
      volumeKey.fill(0);
      discardVettedHeader(this.#header!);
    }
  }

  /** Mounted where nobody else can reach, and moved as a whole to the mount point, which the user's hands are on. */
  async mount(device: AttachedDevice): Promise<MountedFileSystem> {
    // First: a private session gets a copy of the mounts that are there when its file system is mounted.
    for (const text of await mountOwnSockets(this.#caller, this.#plan, this.#opened)) this.#warn(text);
    if (this.#caller.isolation === 'private') return this.#mountPrivately(device);
    const folder = await this.mountAside(device);
    const mounted = mountsAt(readMounts('self'), folder).at(-1)!;
    await moveMount(folder, this.#opened.mountPointFd);
    this.#mountWatches.push(watchMount(this.#plan.home, this.#plan.mountPoint, mounted));
    return this.#fileSystem!;
  }

  /** Mounted where nobody else can reach; says where. */
  async mountAside(device: AttachedDevice): Promise<string> {
    const folder = `${this.#staging!.folder}/vault`;
    mkdirSync(folder, {mode: 0o700});
    this.#fileSystem = await mountFileSystem(device, folder);
    this.#watchFlushing(this.#fileSystem);
    removeEmptyLostAndFound(folder);
    return folder;
  }

  /** Whether the user can work in a vault that another account has filled. Throws a Failure (77) if not at all. */
  examineOwner(device: AttachedDevice): void {
    const warning = judgeOwner(readTopDirectory(device), this.#caller, this.#plan.image);
    // Nobody can write in a vault that is read-only.
    if (warning !== undefined && !device.readOnly) this.#warn(warning);
  }

  /** In the user's own namespaces no line is crossed: the mount point is the user's to name. */
  async #mountPrivately(device: AttachedDevice): Promise<MountedFileSystem> {
    const ids = {uid: this.#caller.sessionUid, gid: this.#caller.sessionGid};
    const {fileSystem, userFd, mountFd} = await mountByPrivateFuse2fs(device, this.#plan.mountPoint, ids, () =>
      this.clearStaging(),
    );
    this.#namespaces = {isolation: 'private', userFd, mountFd};
    this.#fileSystem = fileSystem;
    this.#watchFlushing(fileSystem);
    return fileSystem;
  }

  #watchFlushing({lost, unflushed}: MountedFileSystem): void {
    void lost.then(() => this.#noteUntoldLoss('error'));
    void unflushed.then(() =>
      this.#warn(
        `TazPod cannot flush the vault: it keeps ${flushFileName} open for that. Until the vault is locked, only files ` +
          'that a program syncs itself are safe from a crash.',
      ),
    );
  }

  /** Binds what is to live in the vault; says in which directories of the home. */
  async bridge(): Promise<string[]> {
    const {home, mountPoint} = this.#plan;
    const {bridges, remarks} =
      this.#namespaces?.isolation === 'private'
        ? await mountBridgesPrivately(this.#namespaces, this.#plan)
        : await mountBridges(this.#caller, this.#opened.homeFd, this.#plan);
    for (const text of remarks) this.#warn(text);
    if (this.#caller.isolation === 'sealed') {
      const vault = mountsAt(readMounts('self'), mountPoint).at(-1)!;
      for (const bridge of bridges) this.#mountWatches.push(watchMount(home, `${home}/${bridge.home}`, vault));
    }
    return bridges.map((bridge) => `~/${bridge.home}`);
  }

  /** Everything that separates the session from the machine, but for its processes' own namespaces. */
  async seal(): Promise<SessionNamespaces> {
    if (this.#namespaces !== undefined) return this.#namespaces;
    await this.clearStaging();
    const userFd = await makeUserNamespace();
    return {isolation: 'sealed', userFd};
  }

  /** For a session that has no vault of this ghost's in it: nothing but that session is in this namespace. */
  async clearStaging(): Promise<void> {
    await this.#staging?.clear();
    this.#staging = undefined;
  }

  async unmount(): Promise<void> {
    if (this.#fileSystem === undefined) return;
    // Written out while it can be named: what stays busy after that cannot be waited for.
    const {code, stderr} = await run('sync', ['--file-system', this.#plan.mountPoint]);
    if (code !== 0 && refusedByDisk.test(stderr.toString('latin1'))) await this.#noteUntoldLoss('error');
    await this.#fileSystem.unmount(unmountPatience).catch((error: unknown) => {
      throw fileStillOpen(error);
    });
  }

  async detach(): Promise<void> {
    if (this.#device === undefined) return;
    await this.#device.detach();
    if ((await this.#device.ended).how === 'failed') await this.#noteUntoldLoss('ended');
  }

  /** The engine tells why in the same moment, if it can. */
  async #noteUntoldLoss(otherwise: LossReason): Promise<void> {
    this.#noteLoss(await Promise.race([this.#device!.lost, sleep(lossGraceMs, otherwise)]));
  }

  stopWatching(): void {
    for (const mountWatch of this.#mountWatches) mountWatch.stop();
  }

  async release(): Promise<void> {
    await this.clearStaging();
    if (this.#imageFd !== undefined) closeSync(this.#imageFd);
  }
}

/**
 * e2fsck makes the directory again when it finds something to put there; until then it is root's, and in the way of
 * users who list the vault. Safe as root: rmdir(2) takes an empty directory or nothing, and follows no link.
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
