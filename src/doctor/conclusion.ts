import type {UserNamespaceVerdict} from '../kernel/namespaces.ts';
import type {EngineId, Isolation} from '../lifecycle/plan.ts';
import type {Access} from './devices.ts';
import type {SudoAnswer} from './sudo.ts';

/** What an unlock gives on this machine, to this user. */
export type Conclusion = {
  /** Absent where no vault can be opened. */
  readonly engine?: EngineId;
  /** What serves the file system of the vault: the kernel, or a process of the user's. */
  readonly fileSystem?: 'ext4' | 'fuse2fs';
  readonly isolation: Isolation | 'none';
  /** Why, a sentence each. */
  readonly because: readonly string[];
};

export type Circumstances = {
  readonly uid: number;
  readonly sudo: SudoAnswer;
  /** Where sudo says nothing: in a group that usually may everything. */
  readonly administrator: boolean;
  /** Root has a Node that can run the privileged half. */
  readonly runnableAsRoot: boolean;
  readonly userNamespaces: UserNamespaceVerdict;
  readonly deviceMapper: Access;
  readonly fuse: Access;
  readonly loop: Access;
  readonly ext4: boolean;
  readonly fuse2fs: boolean;
  /** Titles of the findings without which nothing works: programs, namespaces. */
  readonly missing: readonly string[];
};

/** The best isolation that can be had, and in it the best engine. */
export function conclude(circumstances: Circumstances): Conclusion {
  if (circumstances.missing.length > 0) {
    return {isolation: 'none', because: [`This machine lacks: ${circumstances.missing.join(', ')}.`]};
  }
  const {isolation, because} = chooseIsolation(circumstances);
  if (isolation === 'none') return {isolation, because};
  const engine = isolation === 'sealed' ? engineOfRoot(circumstances) : engineOfUser(circumstances);
  const reasons = [...because, ...engine.because];
  if (engine.engine === undefined) return {isolation: 'none', because: reasons};
  return {engine: engine.engine, fileSystem: engine.fileSystem, isolation, because: reasons};
}

function chooseIsolation(circumstances: Circumstances): {isolation: Isolation | 'none'; because: string[]} {
  const {uid, sudo, administrator, runnableAsRoot, userNamespaces} = circumstances;
  if (uid === 0) {
    return userNamespaces === 'allowed'
      ? {isolation: 'sealed', because: ['Running as root: sessions are sealed.']}
      : {isolation: 'none', because: ['Running as root, but without the right to create namespaces and mounts.']};
  }
  const mayBecomeRoot = sudo === 'no password' || sudo === 'password' || (sudo === 'unknown' && administrator);
  if (mayBecomeRoot && runnableAsRoot)
    return {isolation: 'sealed', because: ['sudo can start the ghost as root, so sessions are sealed.']};
  const why = mayBecomeRoot ? 'Root has no Node.js for the privileged half.' : explanations[sudo];
  return userNamespaces === 'allowed'
    ? {isolation: 'private', because: [why, 'You may create user namespaces.']}
    : {isolation: 'none', because: [why, 'You may not create user namespaces.']};
}

const explanations: Readonly<Record<SudoAnswer, string>> = {
  'root already': 'Running as root.',
  'no password': 'sudo can start the ghost as root.',
  password: 'sudo can start the ghost as root.',
  unknown: 'sudo does not say whether it lets you run the ghost; if it does, sessions are sealed.',
  refused: 'sudo does not let you run TazPod.',
  blocked: 'No program that this process starts can become root.',
  absent: 'sudo is not installed.',
};

type EngineChoice =
  | {readonly engine: EngineId; readonly fileSystem: 'ext4' | 'fuse2fs'; readonly because: string[]}
  | {readonly engine?: undefined; readonly because: string[]};

function engineOfRoot({deviceMapper, fuse, loop, ext4, fuse2fs}: Circumstances): EngineChoice {
  const kernelMounts = loop !== 'absent' && ext4;
  if (deviceMapper !== 'absent' && kernelMounts) {
    return {engine: 'dm-crypt', fileSystem: 'ext4', because: ['The kernel has dm-crypt, loop devices and ext4.']};
  }
  const without =
    deviceMapper === 'absent'
      ? 'The kernel has no dm-crypt.'
      : 'The kernel has dm-crypt, but lacks loop devices or ext4.';
  if (fuse === 'absent') return {because: [without, '/dev/fuse does not exist either.']};
  if (kernelMounts) {
    return {engine: 'fuse', fileSystem: 'ext4', because: [without, 'The kernel has /dev/fuse, loop devices and ext4.']};
  }
  return fuse2fs
    ? {engine: 'fuse', fileSystem: 'fuse2fs', because: [without, 'The kernel cannot mount ext4 here; fuse2fs can.']}
    : {because: [without, 'The kernel cannot mount ext4 here, and fuse2fs is not installed.']};
}

function engineOfUser({fuse, fuse2fs}: Circumstances): EngineChoice {
  if (fuse !== 'usable') return {because: ['You may not open /dev/fuse.']};
  if (!fuse2fs) return {because: ['Only root can mount ext4 with the kernel, and fuse2fs is not installed.']};
  return {engine: 'fuse', fileSystem: 'fuse2fs', because: ['Only root can use dm-crypt and the kernel’s ext4.']};
}
