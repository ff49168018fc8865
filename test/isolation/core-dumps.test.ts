import {spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {readCommandLine, readProcessStatus} from '../../src/kernel/process-record.ts';
import {allPids} from '../../src/kernel/process.ts';
import {install} from '../bed/install.ts';
import {chownTo} from '../bed/ownership.ts';
import {needsRoot} from '../bed/owner.ts';
import {startAs} from '../bed/run.ts';
import {until} from '../bed/until.ts';
import type {BedUser} from '../bed/user.ts';
import {skip} from '../skip.ts';
import {type Row, testRows} from './matrix.ts';
import type {Seen} from './seen.ts';
import {openSealedWorld, type SealedWorld} from './worlds.ts';

type Worlds = {
  readonly sealed: SealedWorld;
  /** Where the processes that are made to crash work. */
  readonly folder: string;
};

const sysctl = '/proc/sys/kernel/core_pattern';

/** How many handlers the kernel waits for before their processes are gone; 0 is for none (core(5)). */
const waitForHandlers = '/proc/sys/kernel/core_pipe_limit';

describe('A process of the same user that makes a process of a session crash', () => {
  let worlds: Worlds | undefined;
  let restore: (() => Promise<void>) | undefined;

  before(async function () {
    needsRoot(this);
    restore = keepCorePattern();
    if (!setCorePattern('core')) skip(this, 'root may not say here where core dumps go');
    writeFileSync(waitForHandlers, '16');
    const sealed = await openSealedWorld();
    const folder = join(sealed.user.home, 'crashes');
    mkdirSync(folder);
    chownTo(sealed.user, folder);
    worlds = {sealed, folder};
  });

  after(async () => {
    await restore?.();
    await worlds?.sealed.close();
  });

  type Attack = (victim: Victim) => Promise<unknown>;
  const quit: Attack = ({pid, world}) => world.intruder.try('signal', pid, 'QUIT');
  const fault: Attack = ({pid, world}) => world.intruder.try('signal', pid, 'SEGV');
  /** What the kernel lets the same user change from outside: what goes into a dump, and the limit of its size. */
  const changedBefore: Attack = async (victim) => {
    await victim.world.intruder.try('write', `/proc/${victim.pid}/coredump_filter`, '0x7f');
    // RLIMIT_CORE
    await victim.world.intruder.try('limit', victim.pid, 4, 0);
    await quit(victim);
  };

  const intoFiles =
    (attack: Attack) =>
    async ({sealed, folder}: Worlds) =>
      dumpInFolder(folder, await victimInside(sealed, folder), attack);
  const throughPipes =
    (attack: Attack) =>
    async ({sealed, folder}: Worlds) =>
      dumpThroughPipe(await victimInside(sealed, folder), attack);
  const plainlyIntoFiles: Row<Worlds>['control'] = async ({sealed, folder}) =>
    dumpInFolder(folder, await victimOutside(sealed, folder), quit);
  const plainlyThroughPipes: Row<Worlds>['control'] = async ({sealed, folder}) =>
    dumpThroughPipe(await victimOutside(sealed, folder), quit);

  const without = 'what the ghost sets for all that it starts: a process of the user’s own';

  testRows(
    'Core dumps',
    [
      {
        attack: 'has its memory written into a file, by SIGQUIT and by SIGSEGV',
        expected: 'refused',
        run: async (each) => {
          const seen = await intoFiles(quit)(each);
          return seen.got ? seen : intoFiles(fault)(each);
        },
        without,
        control: plainlyIntoFiles,
      },
      {
        attack: 'has its memory written into a file, after it has changed the filter and the limit from outside',
        expected: 'refused',
        run: intoFiles(changedBefore),
        without,
        control: plainlyIntoFiles,
      },
      {
        attack: 'has its memory handed to the machine’s core dump handler, by SIGQUIT and by SIGSEGV',
        expected: 'refused',
        run: async (each) => {
          const seen = await throughPipes(quit)(each);
          return seen.got ? seen : throughPipes(fault)(each);
        },
        without,
        control: plainlyThroughPipes,
      },
      {
        attack: 'has its memory handed to the machine’s core dump handler, after it has changed filter and limit',
        expected: 'succeeds',
        because:
          'the kernel lets the same uid write /proc/PID/coredump_filter and lower limits; what becomes of the dump is the handler’s affair: systemd-coredump keeps none of a process with a limit below a page, and a kernel.core_pattern without a pipe has no handler',
        run: throughPipes(changedBefore),
        without: '',
      },
    ],
    () => worlds!,
  );
});

/** A process that is about to crash, with the secret in its environment. */
type Victim = {readonly pid: number; readonly secret: string; readonly world: SealedWorld};

async function victimInside(world: SealedWorld, folder: string): Promise<Victim> {
  const {secret} = world.resident;
  await world.session.ask(
    `read -r SECRET <<'END'\n${secret}\nEND\nexport SECRET; (cd ${folder} && exec perl -e 'sleep 100' crash >/dev/null 2>&1) & unset SECRET`,
  );
  return {pid: await victimOf(world.user), secret, world};
}

async function victimOutside(world: SealedWorld, folder: string): Promise<Victim> {
  const {secret} = world.resident;
  const limits = ['prlimit', '--core=unlimited'];
  if (spawnSync(limits[0]!, [...limits.slice(1), 'true']).status !== 0) throw new Error('root may not raise the limit');
  startAs(world.user, ['perl', '-e', 'sleep 100', 'crash'], {cwd: folder, env: {SECRET: secret}, within: limits});
  return {pid: await victimOf(world.user), secret, world};
}

function victimOf(user: BedUser): Promise<number> {
  return until('the victim is there', () =>
    allPids().find(
      (pid) => readCommandLine(pid)?.[3]?.toString() === 'crash' && readProcessStatus(pid)?.uid.real === user.uid,
    ),
  );
}

async function dumpInFolder(
  folder: string,
  victim: Victim,
  attack: (victim: Victim) => Promise<unknown>,
): Promise<Seen> {
  setCorePattern('core');
  await attack(victim);
  await untilGone(victim);
  const found = readdirSync(folder).filter((name) => name.startsWith('core'));
  const got = found.some((name) => readFileSync(join(folder, name)).includes(victim.secret));
  for (const name of found) rmSync(join(folder, name));
  return {got, what: got ? 'the secret' : found.length > 0 ? 'a dump without memory' : 'no dump'};
}

async function dumpThroughPipe(victim: Victim, attack: (victim: Victim) => Promise<unknown>): Promise<Seen> {
  const handler = join(install().folder, 'core-handler');
  writeFileSync(
    handler,
    `#!/bin/sh\ncat > ${install().folder}/core.$1.part; mv ${install().folder}/core.$1.part ${install().folder}/core.$1\n`,
    {
      mode: 0o755,
    },
  );
  const dump = join(install().folder, `core.${victim.pid}`);
  setCorePattern(`|${handler} %P`);
  try {
    await attack(victim);
    await untilGone(victim);
  } finally {
    setCorePattern('core');
  }
  // The kernel waits for the handler before the process is gone.
  const got = existsSync(dump) && readFileSync(dump).includes(victim.secret);
  const what = got ? 'the secret' : existsSync(dump) ? 'a dump without memory' : 'no dump';
  rmSync(dump, {force: true});
  return {got, what};
}

function untilGone({pid}: Victim): Promise<true> {
  return until('the victim has ended', () => !existsSync(`/proc/${pid}/mem`) || readCommandLine(pid)?.length === 0);
}

function setCorePattern(pattern: string): boolean {
  try {
    writeFileSync(sysctl, pattern);
    return true;
  } catch {
    return false;
  }
}

/** Puts the machine's settings back when told to, and also when this process is killed. */
function keepCorePattern(): () => Promise<void> {
  const [pattern, limit] = [sysctl, waitForHandlers].map((path) => readFileSync(path, 'utf8').trimEnd());
  const code = `read -r _; printf %s "$0" > ${sysctl}; printf %s "$1" > ${waitForHandlers}`;
  const keeper = spawn('sh', ['-c', code, pattern!, limit!], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  return async () => {
    keeper.stdin.end();
    await once(keeper, 'exit');
  };
}
