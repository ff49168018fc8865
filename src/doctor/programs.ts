import {packageOf, type ProgramName} from '../kernel/program.ts';
import type {DoctorContext} from './context.ts';
import type {Finding} from './finding.ts';
import {isOlder} from './version.ts';

type Suite = {
  readonly id: 'cryptsetup' | 'util-linux' | 'e2fsprogs' | 'fuse2fs';
  readonly programs: readonly ProgramName[];
  /** The call that prints the version, and where in the output it stands. */
  readonly ask: readonly [ProgramName, string];
  readonly version: RegExp;
  readonly least: string;
  /** What an older one, or none, costs. */
  readonly purpose: string;
};

const suites: readonly Suite[] = [
  {
    id: 'cryptsetup',
    programs: ['cryptsetup'],
    ask: ['cryptsetup', '--version'],
    version: /^cryptsetup (\d[\d.]*)/m,
    least: '2.4',
    purpose: 'It creates LUKS2 headers and unlocks their key slots.',
  },
  {
    id: 'util-linux',
    programs: [
      'fallocate',
      'flock',
      'losetup',
      'mount',
      'nsenter',
      'prlimit',
      'script',
      'setpriv',
      'umount',
      'unshare',
    ],
    ask: ['unshare', '--version'],
    version: /util-linux (\d[\d.]*)/,
    // The first whose unshare(1) has --map-user and --keep-caps.
    least: '2.36',
    purpose: 'It mounts file systems, locks files and creates namespaces.',
  },
  {
    id: 'e2fsprogs',
    programs: ['e2fsck', 'mke2fs'],
    ask: ['mke2fs', '-V'],
    version: /^mke2fs (\d[\d.]*)/m,
    // The first that knows metadata_csum without being told twice.
    least: '1.43',
    purpose: 'It creates and checks the file system of a vault.',
  },
  {
    id: 'fuse2fs',
    programs: ['fuse2fs'],
    ask: ['fuse2fs', '--version'],
    version: /^fuse2fs (\d[\d.]*)/m,
    least: '1.43',
    purpose: 'It serves the file system where the kernel may not mount ext4: without root, and in most containers.',
  },
];

/** The system programs, by the project that they come from. */
export async function examinePrograms(context: DoctorContext): Promise<Finding[]> {
  return Promise.all(suites.map((suite) => examineSuite(suite, context)));
}

async function examineSuite(suite: Suite, context: DoctorContext): Promise<Finding> {
  // With the kernel's ext4, TazPod works without fuse2fs; the conclusion covers the rest.
  const need = suite.id === 'fuse2fs' ? 'warning' : 'missing';
  const finding = {id: suite.id, title: suite.id};
  const absent = suite.programs.filter((name) => context.findProgram(name) === undefined);
  const fix = installCommand(absent.length > 0 ? absent : suite.programs, context);
  if (absent.length > 0) {
    return {...finding, verdict: need, detail: `Not installed: ${absent.join(', ')}. ${suite.purpose}`, ...fix};
  }
  const {stdout, stderr} = await context.run(suite.ask[0], [suite.ask[1]]);
  const version = suite.version.exec(`${stdout.toString()}\n${stderr.toString()}`)?.[1];
  if (version === undefined) {
    return {...finding, verdict: 'warning', detail: `Its version is unknown; ${suite.least} or newer is needed.`};
  }
  if (isOlder(version, suite.least)) {
    return {...finding, verdict: need, detail: `Version ${version}; ${suite.least} or newer is needed.`, ...fix};
  }
  return {...finding, verdict: 'ok', detail: `Version ${version}.`};
}

/** The command that installs programs where there is apt; other systems have other names for the packages. */
function installCommand(programs: readonly ProgramName[], {uid, hasApt}: DoctorContext): {fix?: string} {
  if (!hasApt) return {};
  const packages = [...new Set(programs.map(packageOf))].sort();
  return {fix: `${uid === 0 ? '' : 'sudo '}apt-get install --yes ${packages.join(' ')}`};
}
