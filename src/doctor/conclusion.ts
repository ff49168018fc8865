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
    return {isolation: 'none', because: [`It lacks: ${circumstances.missing.join(', ')}.`]};
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
      ? {isolation: 'sealed', because: ['You are root, who seals sessions.']}
      : {isolation: 'none', because: ['You are root, but without the right to make namespaces and mounts.']};
  }
  const mayBecomeRoot = sudo === 'no password' || sudo === 'password' || (sudo === 'unknown' && administrator);
  if (mayBecomeRoot && runnableAsRoot)
    return {isolation: 'sealed', because: ['sudo makes you root, who seals sessions.']};
  const why = mayBecomeRoot ? 'Root has no Node.js that could run the privileged half.' : explanations[sudo];
  return userNamespaces === 'allowed'
    ? {isolation: 'private', because: [why, 'You may make user namespaces.']}
    : {isolation: 'none', because: [why, 'You may not make user namespaces.']};
}

const explanations: Readonly<Record<SudoAnswer, string>> = {
  'root already': 'You are root.',
  'no password': 'sudo makes you root.',
  password: 'sudo makes you root.',
  unknown: 'sudo does not say whether it would make you root; if it does, sessions are sealed.',
  refused: 'sudo does not let you run TazPod.',
  blocked: 'Nothing can become root in this process.',
  absent: 'There is no sudo.',
};

type EngineChoice =
  | {readonly engine: EngineId; readonly fileSystem: 'ext4' | 'fuse2fs'; readonly because: string[]}
  | {readonly engine?: undefined; readonly because: string[]};

function engineOfRoot({deviceMapper, fuse, loop, ext4, fuse2fs}: Circumstances): EngineChoice {
  const kernelMounts = loop !== 'absent' && ext4;
  if (deviceMapper !== 'absent' && kernelMounts) {
    return {engine: 'dm-crypt', fileSystem: 'ext4', because: ['The kernel has dm-crypt, loop devices and ext4.']};
  }
  const without = deviceMapper === 'absent' ? 'There is no dm-crypt.' : 'There is dm-crypt, but not what it needs.';
  if (fuse === 'absent') return {because: [without, 'There is no /dev/fuse either.']};
  if (kernelMounts) {
    return {engine: 'fuse', fileSystem: 'ext4', because: [without, 'There are /dev/fuse, loop devices and ext4.']};
  }
  return fuse2fs
    ? {engine: 'fuse', fileSystem: 'fuse2fs', because: [without, 'The kernel cannot mount ext4 here; fuse2fs can.']}
    : {because: [without, 'The kernel cannot mount ext4 here, and fuse2fs is not installed.']};
}

function engineOfUser({fuse, fuse2fs}: Circumstances): EngineChoice {
  if (fuse !== 'usable') return {because: ['You may not open /dev/fuse.']};
  if (!fuse2fs) return {because: ['Only root mounts ext4 by the kernel, and fuse2fs is not installed.']};
  return {engine: 'fuse', fileSystem: 'fuse2fs', because: ['Only root uses dm-crypt and the kernel’s ext4.']};
}
